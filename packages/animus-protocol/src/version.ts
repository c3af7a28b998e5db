/** Version of Animus: of all its packages, as in each package.json (a test holds them together). */
export const VERSION: string = '0.1.0';
