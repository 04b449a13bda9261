#include "apps/study/replay_json.h"

#include <nlohmann/json.hpp>

namespace crosslaw::apps {
namespace {

using Object = nlohmann::ordered_json;

Object known(const std::optional<double>& value) {
  return value ? Object(*value) : Object(nullptr);
}

// NAME and NAME_ci95.
void put_estimate(Object& row, const std::string& name, const fit::Estimate& estimate) {
  row[name] = known(estimate.value);
  row[name + "_ci95"] =
      estimate.ci95 ? Object::array({estimate.ci95->low, estimate.ci95->high}) : Object(nullptr);
}

Object ratio_json(const ReplayRatio& ratio) {
  Object out = {{"ratio", ratio.ratio}};
  put_estimate(out, "target_loss", ratio.target_loss);
  put_estimate(out, "source_loss", ratio.source_loss);
  put_estimate(out, "rise", ratio.rise);
  out["on_front"] = ratio.on_front;
  out["share_on_front"] = ratio.share_on_front;
  out["extrapolated"] = ratio.extrapolated;
  return out;
}

Object cell_json(const ReplayCell& cell) {
  Object out = {{"size", cell.size},
                {"params", cell.params},
                {"tokens", cell.tokens},
                {"tokens_per_param", cell.tokens_per_param},
                {"start_loss", known(cell.start_loss)},
                {"safe_ratio", known(cell.safe_ratio)},
                {"middle_ratio", known(cell.middle_ratio)}};
  put_estimate(out, "best_ratio", cell.best_ratio);
  out["ratios"] = Object::array();
  for (const ReplayRatio& ratio : cell.ratios) out["ratios"].push_back(ratio_json(ratio));
  return out;
}

}  // namespace

Object to_json(const ReplayPlan& plan, const ReplayOptions& options) {
  Object out = {{"strategy", plan.strategy},
                {"language", plan.language},
                {"source_language", plan.source_language},
                {"sentence", describe(plan, options)},
                {"within", options.within},
                {"weight", options.weight},
                {"ratios", plan.ratios},
                {"noise", {{"sd", plan.noise.sd}, {"from", plan.noise.from}}},
                {"cells", Object::array()}};
  for (const ReplayCell& cell : plan.cells) out["cells"].push_back(cell_json(cell));
  return out;
}

}  // namespace crosslaw::apps
