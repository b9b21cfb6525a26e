// The completion scripts of the shells: each hands the words to `sekisho complete` and shows what comes back.

const BASH = (names: string): string => `# bash completion for sekisho. Use: source <(sekisho completion bash)
_sekisho() {
  local word words=("\${COMP_WORDS[@]:0:COMP_CWORD+1}")
  words[0]=\${words[0]##*/}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    if [[ $word == :files ]]; then
      compopt -o default
      COMPREPLY=()
      return
    fi
    COMPREPLY+=("$word")
  done < <(sekisho complete -- "\${words[@]}" 2>/dev/null)
  # A list goes on behind its comma.
  [[ \${COMP_WORDS[COMP_CWORD]} == *,* ]] && compopt -o nospace
}
complete -F _sekisho ${names}
`;

const ZSH = (names: string): string => `#compdef ${names}
# zsh completion for sekisho. Use: source <(sekisho completion zsh)
_sekisho() {
  local line word help
  local -a shown found
  local -a given=("\${(@)words[1,CURRENT]}")
  given[1]=\${given[1]:t}
  for line in "\${(@f)$(sekisho complete -- "\${given[@]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    word=\${line%%$'\\t'*}
    help=\${line#*$'\\t'}
    found+=("$word")
    shown+=("\${word}\${help:+  -- $help}")
  done
  compadd -l -d shown -a found
}
compdef _sekisho ${names}
`;

const FISH = (names: string): string => `# fish completion for sekisho. Use: sekisho completion fish | source
function __sekisho_complete
    set -l words (commandline -opc) (commandline -ct)
    set words[1] (path basename -- $words[1])
    set -l found (sekisho complete -- $words 2>/dev/null)
    if test "$found[1]" = ':files'
        __fish_complete_path (commandline -ct)
    else
        string join \\n -- $found
    end
end
${names
  .split(' ')
  .map((name) => `complete -c ${name} -f -a '(__sekisho_complete)'\n`)
  .join('')}`;

export const SHELLS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
