// Dates of the proleptic Gregorian calendar as days since 1970-01-01, in plain integers: the core has no Date.

export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

const floorDivide = (a: number, b: number): number => Math.floor(a / b);

/** Months and days beyond their range carry over, as mktime() does: day 0 is the last of the month before. */
export function daysOf(year: number, month: number, day: number): number {
  const months = year * 12 + (month - 1);
  const y = floorDivide(months, 12);
  const m = months - y * 12; // from 0, January
  // Years begin in March here, so that the leap day is the last.
  const shifted = m < 2 ? y - 1 : y;
  const fromMarch = (m + 10) % 12;
  const daysBefore = floorDivide(153 * fromMarch + 2, 5);
  const leapDays = floorDivide(shifted, 4) - floorDivide(shifted, 100) + floorDivide(shifted, 400);
  return 365 * shifted + leapDays + daysBefore + (day - 1) - 719_468;
}

export function civilOf(days: number): Civil {
  const z = days + 719_468;
  const era = floorDivide(z, 146_097);
  const ofEra = z - era * 146_097;
  const yearOfEra = floorDivide(
    ofEra - floorDivide(ofEra, 1_460) + floorDivide(ofEra, 36_524) - floorDivide(ofEra, 146_096),
    365,
  );
  const ofYear = ofEra - (365 * yearOfEra + floorDivide(yearOfEra, 4) - floorDivide(yearOfEra, 100));
  const fromMarch = floorDivide(5 * ofYear + 2, 153);
  const day = ofYear - floorDivide(153 * fromMarch + 2, 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** 1 Monday to 7 Sunday; 1970-01-01 was a Thursday. */
export const weekdayOf = (days: number): number => ((((days + 3) % 7) + 7) % 7) + 1;
