// Grafana's own types, made as narrow as what we write: one panel type at a time, with its own options, and with the
// values of enums where JSON has them.
import type * as common from "@grafana/schema";
import type * as bargauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as heatmap from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as timeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// JSON says "none" where TypeScript wants StackingMode.None.
type Plain<T> = T extends string
  ? string extends T
    ? T
    : `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// @grafana/schema carries no query of the Prometheus data source; these are the fields that it reads.
interface PrometheusTarget {
  refId: string;
  datasource: Plain<common.DataSourceRef>;
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  exemplar: boolean;
  format: "time_series" | "table" | "heatmap";
  editorMode: "code" | "builder";
}

interface Of<Type extends string, Options, Custom>
  extends Plain<Required<Pick<common.Panel, "id" | "title" | "description" | "gridPos" | "datasource">>> {
  type: Type;
  options: Plain<Options>;
  fieldConfig: {
    defaults: Plain<Omit<common.FieldConfig, "custom">> & { custom?: Plain<Custom> };
    overrides: Array<{ matcher: { id: "byName"; options: string }; properties: Array<{ id: string; value: unknown }> }>;
  };
  targets: PrometheusTarget[];
  transformations?: Array<{ id: "merge" | "organize"; options: Record<string, unknown> }>;
}

export type Panel =
  | Of<"bargauge", bargauge.Options, Record<string, never>>
  | Of<"heatmap", heatmap.Options, heatmap.FieldConfig>
  | Of<"stat", stat.Options, Record<string, never>>
  | Of<"state-timeline", timeline.Options, timeline.FieldConfig>
  | Of<"table", table.Options, table.FieldConfig>
  | Of<"timeseries", timeseries.Options, timeseries.FieldConfig>;

type Known = Plain<Omit<common.Dashboard, "panels" | "annotations" | "templating">>;

export interface Dashboard extends Known {
  uid: string;
  title: string;
  panels: Panel[];
  annotations: { list: Array<Plain<common.AnnotationQuery>> };
  templating: { list: Array<Plain<common.VariableModel>> };
}
