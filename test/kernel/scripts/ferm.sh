ferm "$SCRIPTS/rules.ferm"
