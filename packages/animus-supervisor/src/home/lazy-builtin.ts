/** Goes into bundles in place of an import of one of Node's own modules; bundle.ts says why. */
export function lazyBuiltin(module: string, names: readonly string[]): object {
  const lazy = {};
  for (const name of names) {
    Object.defineProperty(lazy, name, {
      enumerable: true,
      configurable: true,
      get: () => Reflect.get(process.getBuiltinModule(module) ?? {}, name),
    });
  }
  return lazy;
}
