// Reads objects as JSON on standard input and holds each against the schema that its project publishes; prints what is
// wrong, and exits with 1 if anything is. What these packages do not know, Kubernetes' own kinds, is checked elsewhere.
import { ExternalSecret } from "@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { readFileSync } from "node:fs";

const kinds = { ExternalSecret, ScaledObject, PodMonitor, PrometheusRule };
let wrong = 0;
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const model = kinds[object.kind];
  const name = `${object.kind} ${object.metadata.name}`;
  try {
    if (model === undefined || !model.is(object)) throw new Error(`no schema for ${object.apiVersion}`);
    new model(object).validate();
  } catch (error) {
    wrong += 1;
    console.error(`${name}: ${error.message}`);
  }
}
process.exit(wrong === 0 ? 0 : 1);
