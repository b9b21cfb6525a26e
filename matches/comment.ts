import { defineMatch } from '../engine/extension.ts';
import { text } from '../grammar/values.ts';

// XT_MAX_COMMENT_LEN without the closing NUL; what is beyond is cut off without a word.
const comment_ = text({ cutAt: 255 })({ help: 'free text, at most 255 octets', required: true });

export const comment = defineMatch({
  name: 'comment',
  families: [4, 6],
  summary: 'Free text beside a rule; matches every packet.',
  kernel: 'net/netfilter/xt_comment.c comment_mt()',
  effect: 'pure',
  options: { comment: comment_ },
  check: (given) => ({ text: given.comment.value }),
  save: (checked) => `--comment ${comment_.print(checked.text)}`,
  list: (checked) => `/* ${checked.text} */`,
  compile: () => () => true,
  constrain: () => ({}),
  saw: () => '',
});
