/**
 * The part of Standard Schema v1 (standardschema.dev) that Broca uses. Valibot, zod, arktype and others
 * implement it, so a plugin may bring whichever it likes.
 */
export type StandardSchemaV1 = {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
  };
};

export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };
