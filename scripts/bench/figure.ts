/** What a benchmark reports: a value beside a floor measured in the same run, and the target their ratio or the value must meet. */
export type Figure = {
  name: string;
  value: number;
  unit: string;
  /** What the machine itself takes for the bare minimum of the same work, in the same unit. */
  floor: number;
  /** value / floor. */
  ratio: number;
  /** The limit that `aim` holds the ratio or the value to; null for a figure that is only shown. */
  target: number | null;
  ok: boolean;
  /** The target in words, for the table. */
  aim: string;
};

type Measured = { name: string; value: number; unit: string; floor: number };

export function ratioAtMost(measured: Measured, most: number): Figure {
  const ratio = measured.value / measured.floor;
  return { ...rounded(measured), ratio: round(ratio), target: most, ok: ratio <= most, aim: `ratio ≤ ${most}` };
}

export function ratioAtLeast(measured: Measured, least: number): Figure {
  const ratio = measured.value / measured.floor;
  return { ...rounded(measured), ratio: round(ratio), target: least, ok: ratio >= least, aim: `ratio ≥ ${least}` };
}

export function valueAtMost(measured: Measured, most: number): Figure {
  const target = round(most);
  const ratio = round(measured.value / measured.floor);
  return { ...rounded(measured), ratio, target, ok: measured.value <= most, aim: `value ≤ ${target} ${measured.unit}` };
}

export function shown(measured: Measured): Figure {
  return { ...rounded(measured), ratio: round(measured.value / measured.floor), target: null, ok: true, aim: '' };
}

function rounded(measured: Measured): Measured {
  return { ...measured, value: round(measured.value), floor: round(measured.floor) };
}

/** Three significant digits: more would be noise. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The smallest value that `percent` of all values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values were measured');
  return value;
}
