#include "apps/study/dataset.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace crosslaw::apps {

Dataset dataset_of_text(std::string text, const fit::DataFileOptions& options) {
  Dataset out;
  out.source = options.path;
  out.data = fit::parse_data(text, options);
  std::string graves;
  for (const fit::Doubt& doubt : out.data.doubts) {
    if (doubt.grave) graves += (graves.empty() ? ": " : "; ") + doubt.sentence;
  }
  if (!graves.empty()) throw std::invalid_argument(options.path + graves);
  const fit::DataFileOptions& used = out.data.used;
  out.where = used.where;
  out.params = used.params;
  out.tokens = used.tokens;
  out.loss = used.loss;
  out.convention = {"column " + used.params,
                    used.compute.empty() ? "6ND" : "column " + used.compute,
                    fmt::format("column {}, {}", used.loss, out.data.loss_unit)};
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
  return {describe(observations.count()), exact_flops ? "exact FLOPs of the runs" : "6ND",
          "nats a token"};
}

}  // namespace crosslaw::apps
