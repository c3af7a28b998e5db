/** Goes into bundles in place of the tables of Telegram's library: makes the class of a type when somebody first names it; bundle-telegram.ts says why. */

type TelegramClass = { CONSTRUCTOR_ID: number };
type Classes = Record<string, unknown>;

/**
 * The library's `Api`. `table` has a line for each type, `<class>#<hex id> <C or F> <its line of the schema>`, and an empty
 * first line; `make` is the library's own way from a line of the schema to its class.
 */
export function lazyApi(table: string, namespaces: readonly string[], make: (schema: string) => Classes): Classes {
  const named = new Map<string, object>();
  const classAt = (at: number): { name: string; made: TelegramClass } => {
    const line = table.slice(at, table.indexOf('\n', at));
    const [head = '', kind = '', ...schema] = line.split(' ');
    const name = head.slice(0, head.indexOf('#'));
    const [space, own = ''] = name.includes('.') ? name.split('.') : [null, name];
    const classes = make(`${kind === 'F' ? '---functions---\n' : ''}${schema.join(' ')}`);
    const made = (space === null ? classes : (classes[space] as Classes))[own] as TelegramClass;
    return { name, made };
  };
  const area = (prefix: string, fixed: Classes): Classes => {
    const find = (key: string | symbol): unknown => {
      if (typeof key !== 'string' || Object.hasOwn(fixed, key)) return Reflect.get(fixed, key);
      if (!/^[A-Z]\w*$/.test(key)) return undefined;
      const at = table.indexOf(`\n${prefix}${key}#`);
      if (at >= 0) fixed[key] = classAt(at + 1).made;
      return fixed[key];
    };
    return new Proxy(fixed, {
      get: (_target, key) => find(key),
      has: (_target, key) => find(key) !== undefined,
      ownKeys: (target) => {
        for (const [, key = ''] of table.matchAll(new RegExp(`\n${prefix.replace('.', '\\.')}([A-Z]\\w*)#`, 'g'))) find(key);
        return Reflect.ownKeys(target);
      },
    });
  };
  for (const space of namespaces) named.set(space, area(`${space}.`, {}));
  return area('', Object.fromEntries(named));
}

/** The library's `tlobjects`: class by the number of its constructor. */
export function lazyObjects(table: string, api: Classes): Classes {
  const known = new Map<string, unknown>();
  return new Proxy(
    {},
    {
      get: (_target, key) => {
        if (typeof key !== 'string') return undefined;
        if (known.has(key)) return known.get(key);
        const at = table.indexOf(`#${Number(key).toString(16)} `);
        const name = at < 0 ? undefined : table.slice(table.lastIndexOf('\n', at) + 1, at);
        const [space, own = ''] = name?.includes('.') ? name.split('.') : [null, name];
        const found = name === undefined ? undefined : space === null ? api[own] : (api[space] as Classes)[own];
        // Only numbers of the protocol come here: what is no type is one of the few that the library reads by hand.
        if (found !== undefined || known.size < 4000) known.set(key, found);
        return found;
      },
    },
  );
}
