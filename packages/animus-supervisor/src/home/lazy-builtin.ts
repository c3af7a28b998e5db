/**
 * Goes into bundles in place of an import of one of Node's own modules; bundle.ts says why. Its names stand on the
 * prototype: esbuild copies an object's own names for each file that imports it, thousands at each start.
 */
export function lazyBuiltin(module: string): object {
  let builtin: object | undefined;
  const names = new Proxy(
    {},
    {
      get(_, name) {
        // Asked by the bundle itself while it starts.
        if (name === '__esModule') return undefined;
        builtin ??= process.getBuiltinModule(module) ?? {};
        return Reflect.get(builtin, name);
      },
    },
  );
  return Object.create(names) as object;
}
