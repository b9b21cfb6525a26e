// Random flows where parts of the tracker meet that are seldom together (random-runner.ts).

import { randomCorner } from './random-corners.ts';
import { besideTheKernel } from './random-runner.ts';

besideTheKernel({ what: 'random corners', make: randomCorner, cases: 60 });
