// Where the kernel tier has always found it; it is part of the library now.
export * from '../../testing/kernel-backend/ct-dump.ts';
