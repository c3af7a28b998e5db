/**
 * Values that are made when they are first asked for. For prepared statements above all: preparing the
 * eighty of a Broca costs its start 4 ms, and few of them are needed before the first message.
 */
export function lazily<T extends Record<string, () => unknown>>(makers: T): { readonly [K in keyof T]: ReturnType<T[K]> } {
  const values = {} as { [K in keyof T]: ReturnType<T[K]> };
  for (const [name, make] of Object.entries(makers)) {
    Object.defineProperty(values, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = make();
        Object.defineProperty(values, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return values;
}
