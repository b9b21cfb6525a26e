// Security contexts by number. The kernel asks the security module; here a context is any name, and gets the next number when it is first
// named, by a rule or by a connection of a snapshot. 0 is none.

export class SecurityContexts {
  private readonly names: string[] = [''];

  numberOf(context: string): number {
    const known = this.names.indexOf(context);
    return known >= 0 ? known : this.names.push(context) - 1;
  }

  /** Of a number that was given out. */
  nameOf(number: number): string {
    return this.names[number];
  }
}
