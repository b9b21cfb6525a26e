/** How packets are read and written: in batches by io_uring(7), or by a system call for each. The better one first. */
export const IO_METHODS = ['io_uring', 'calls'] as const;

export type IoMethod = (typeof IO_METHODS)[number];
