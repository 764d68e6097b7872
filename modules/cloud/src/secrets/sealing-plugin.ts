// Seals and opens secrets where kysely writes and reads them, so that no caller has to know which columns hold some (sealed-columns.ts).

import type {
  ColumnUpdateNode,
  InsertQueryNode,
  KyselyPlugin,
  OperationNode,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
  UpdateQueryNode,
  ValueNode,
} from 'kysely';
import { placeOf, SEALED_IN_JSON, SEALED_VALUES } from './sealed-columns.ts';
import type { Sealer } from './sealer.ts';

type Seal = (value: unknown) => unknown;

const VALUE_NAMES = new Set(Object.values(SEALED_VALUES).flat());
const JSON_NAMES = new Set(Object.values(SEALED_IN_JSON).flat());

export class SealingPlugin implements KyselyPlugin {
  private readonly sealer: Sealer;

  constructor(sealer: Sealer) {
    this.sealer = sealer;
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    if (node.kind === 'InsertQueryNode') return this.sealInsert(node);
    if (node.kind === 'UpdateQueryNode') return this.sealUpdate(node);
    return node;
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    const [first] = result.rows;
    if (!first) return result;
    const names = Object.keys(first).filter((name) => VALUE_NAMES.has(name) || JSON_NAMES.has(name));
    if (names.length === 0) return result;
    return { ...result, rows: result.rows.map((row) => this.openRow(row, names)) };
  }

  private openRow(row: UnknownRow, names: readonly string[]): UnknownRow {
    const opened: UnknownRow = { ...row };
    for (const name of names) {
      const value = row[name];
      if (typeof value !== 'string') continue;
      const place = placeOf(name);
      opened[name] = VALUE_NAMES.has(name) ? this.sealer.open(value, place) : this.sealer.openInJson(value, place);
    }
    return opened;
  }

  /** undefined: the column holds no secret. */
  private sealOf(table: string, column: string): Seal | undefined {
    const place = placeOf(column);
    if (SEALED_VALUES[table]?.includes(column)) {
      return (value) => (typeof value === 'string' ? this.sealer.seal(value, place) : value);
    }
    if (SEALED_IN_JSON[table]?.includes(column)) {
      return (value) => (typeof value === 'string' ? this.sealer.sealInJson(value, place) : value);
    }
    return undefined;
  }

  private sealInsert(node: InsertQueryNode): InsertQueryNode {
    const table = node.into?.table.identifier.name ?? '';
    const seals = (node.columns ?? []).map((column) => this.sealOf(table, column.column.name));
    const updates = node.onConflict?.updates;
    const onConflict =
      updates && node.onConflict ? { ...node.onConflict, updates: this.sealUpdates(table, updates) } : node.onConflict;
    const isPlain = seals.every((seal) => seal === undefined);
    const values = isPlain || node.values?.kind !== 'ValuesNode' ? node.values : sealRows(node.values, seals);
    return { ...node, ...(values ? { values } : {}), ...(onConflict ? { onConflict } : {}) };
  }

  private sealUpdate(node: UpdateQueryNode): UpdateQueryNode {
    const table =
      node.table?.kind === 'TableNode'
        ? (node.table as unknown as { table: { identifier: { name: string } } }).table.identifier.name
        : '';
    return node.updates ? { ...node, updates: this.sealUpdates(table, node.updates) } : node;
  }

  private sealUpdates(table: string, updates: readonly ColumnUpdateNode[]): ColumnUpdateNode[] {
    return updates.map((update) => {
      const column = (update.column as unknown as { column?: { name?: string } }).column?.name ?? '';
      const seal = this.sealOf(table, column);
      return seal ? { ...update, value: sealNode(update.value, seal) } : update;
    });
  }
}

function sealRows(values: OperationNode, seals: readonly (Seal | undefined)[]): OperationNode {
  const rows = (values as unknown as { values: readonly OperationNode[] }).values.map((row) => {
    const cells = (row as unknown as { values: readonly unknown[] }).values;
    const isPrimitive = row.kind === 'PrimitiveValueListNode';
    const sealed = cells.map((cell, index) => {
      const seal = seals[index];
      if (!seal) return cell;
      return isPrimitive ? seal(cell) : sealNode(cell as OperationNode, seal);
    });
    return { ...row, values: sealed };
  });
  return { ...values, values: rows } as OperationNode;
}

/** A literal is sealed; a reference, such as to the row that conflicts, stands for what is sealed already. */
function sealNode(node: OperationNode, seal: Seal): OperationNode {
  return node.kind === 'ValueNode' ? ({ ...node, value: seal((node as ValueNode).value) } as OperationNode) : node;
}
