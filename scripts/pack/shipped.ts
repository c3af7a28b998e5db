/** Which files of a checkout go into the installable package. */

const TOP = new Set([
  'LICENSE',
  'README.md',
  'animus.config.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'docs',
  'templates',
  'dist',
  'packages',
]);
/** Made by the compiler or an unfinished build, installed, or only there for tests. */
const LEFT_OUT = [
  /^packages\/testkit(\/|$)/,
  /^packages\/[^/]+\/(dist|node_modules)(\/|$)/,
  /^dist\/(script-types|test-types|\.new-[^/]*)(\/|$)/,
  /\.(test|fixture)\.[a-z]+$/,
  /\.tsbuildinfo$/,
];

/** `file` is relative to the checkout; the checkout itself is ''. */
export function isShipped(file: string): boolean {
  return file === '' || (TOP.has(file.split('/')[0] ?? '') && !LEFT_OUT.some((pattern) => pattern.test(file)));
}
