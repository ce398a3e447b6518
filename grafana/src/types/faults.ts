// Faults that the types must find: the compiler complains of every line below that it would let pass.
import type { Dashboard, Panel } from "./dashboard";

type Of<Type> = Extract<Panel, { type: Type }>;
type Series = Of<"timeseries">;

export const faults: unknown[] = [
  // @ts-expect-error a field that no panel has
  { titel: "Backlog" } satisfies Partial<Series>,
  // @ts-expect-error a title that is a number
  { title: 7 } satisfies Partial<Series>,
  // @ts-expect-error a panel that Grafana does not have
  { type: "speedometer" } satisfies Partial<Panel>,
  // @ts-expect-error a place without a width
  { gridPos: { x: 0, y: 0, h: 8 } } satisfies Partial<Series>,
  // @ts-expect-error a legend mode that does not exist
  { legend: { showLegend: true, displayMode: "grid", placement: "bottom", calcs: [] } } satisfies Partial<Series["options"]>,
  // @ts-expect-error a tooltip order that does not exist
  { tooltip: { mode: "multi", sort: "upwards" } } satisfies Partial<Series["options"]>,
  // @ts-expect-error a stacking mode that does not exist
  { stacking: { mode: "piled" } } satisfies Series["fieldConfig"]["defaults"]["custom"],
  // @ts-expect-error an option of another panel
  { showHeader: true } satisfies Partial<Series["options"]>,
  // @ts-expect-error a query without an expression
  [{ refId: "A" }] satisfies Series["targets"],
  // @ts-expect-error a colour mode that does not exist
  { mode: "rainbow" } satisfies Series["fieldConfig"]["defaults"]["color"],
  // @ts-expect-error a kind of variable that does not exist
  [{ type: "question", name: "queue" }] satisfies Dashboard["templating"]["list"],
  // @ts-expect-error a schema version that is no number
  { schemaVersion: "41" } satisfies Partial<Dashboard>,
];
