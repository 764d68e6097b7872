// Which columns of the store hold secrets. A new column with a secret is one word here.

/** The whole value is the secret. */
export const SEALED_VALUES: { readonly [table: string]: readonly string[] } = {
  identity: ['primary_key', 'secondary_key'],
  policy: ['primary_key', 'secondary_key'],
  cache_node: ['customer_key', 'bgp_passwords'],
};

/** JSON in which passwords stand: registry credentials, MD5 passwords of BGP sessions. */
export const SEALED_IN_JSON: { readonly [table: string]: readonly string[] } = {
  twin: ['desired'],
  configuration: ['content'],
  device_deployment: ['own_content'],
  deployment_history: ['content'],
  desired_patch: ['patch'],
  job: ['action'],
};

/** What identifies a row, for the pass over rows that were written before. */
export const ROW_KEYS: { readonly [table: string]: readonly string[] } = {
  identity: ['device_id', 'module_id'],
  policy: ['name'],
  cache_node: ['name'],
  twin: ['device_id', 'module_id'],
  configuration: ['id'],
  device_deployment: ['device_id'],
  deployment_history: ['device_id', 'seq'],
  job: ['job_id'],
};

/** Name of the place that a secret is bound to: the column, so that rows may be copied and renamed. */
export function placeOf(column: string): string {
  return column;
}
