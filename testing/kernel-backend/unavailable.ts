// What the kernel backend cannot do, in words that a failing test shows.

/** This machine cannot run tests on its kernel. */
export class KernelUnavailable extends Error {
  override readonly name = 'KernelUnavailable';
}

/** Something that the kernel between TUN devices cannot be told, or time that it cannot be given. */
export class NotOnKernel extends Error {
  override readonly name = 'NotOnKernel';
}

/** The kernel did something else: both walks are in the message. */
export class KernelDifference extends Error {
  override readonly name = 'KernelDifference';
}
