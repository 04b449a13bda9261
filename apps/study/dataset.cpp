#include "apps/study/dataset.h"

#include <utility>

namespace crosslaw::apps {

Dataset dataset_of_text(std::string text, const fit::DataFileOptions& options) {
  Dataset out;
  out.source = options.path;
  out.where = options.where;
  out.params = options.params;
  out.tokens = options.tokens;
  out.loss = options.loss;
  out.convention = {"column " + options.params,
                    options.compute.empty() ? "6ND" : "column " + options.compute};
  out.data = fit::parse_data(text, options);
  out.text = std::move(text);
  return out;
}

Dataset dataset_of_pair(const Observations& observations, const LanguagePair& pair,
                        PointChoice choice, bool exact_flops) {
  Dataset out;
  out.source = pair.label();
  out.language = pair.label();
  out.params = describe(observations.count());
  out.tokens = "target-language tokens";
  out.loss = "loss_nats";
  out.convention = convention_of(observations, exact_flops);
  out.data.rows = observations.runs().size();
  out.data.points = observations.points(pair, choice, exact_flops);
  out.data.clusters = observations.cluster_names(pair, choice);
  return out;
}

Dataset only_stage(Dataset dataset, fit::Stage stage) {
  dataset.data.points = fit::select_stage(dataset.data.points, stage);
  return dataset;
}

fit::Convention convention_of(const Observations& observations, bool exact_flops) {
  return {describe(observations.count()), exact_flops ? "exact FLOPs of the runs" : "6ND"};
}

}  // namespace crosslaw::apps
