// Before every test file: properties draw the same cases in every run, where they name no seed themselves. SEKISHO_SEED draws others.

import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.SEKISHO_SEED ?? 20_261_123) });
