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

void put_choice(Object& row, const std::string& prefix, const ReplayChoice& choice) {
  row[prefix + "safe_ratio"] = known(choice.safe_ratio);
  row[prefix + "middle_ratio"] = known(choice.middle_ratio);
  put_estimate(row, prefix + "best_ratio", choice.best_ratio);
}

// Its coefficients with intervals, and how well it describes the losses.
Object law_json(const fit::FitResult& fit) {
  Object coefficients = Object::object();
  for (const fit::Coefficient& c : fit.coefficients)
    put_estimate(coefficients, c.name, {c.value, c.se, c.ci95, 0});
  return {{"law", fit.law->name},
          {"points", fit.points},
          {"rms", fit.certificate.rms_log_residual},
          {"identifiable", fit.identifiable},
          {"coefficients", coefficients},
          {"problems", fit.problems}};
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
                {"start_loss", known(cell.start_loss)}};
  put_choice(out, "", cell.measured);
  put_choice(out, "law_", cell.law.value_or(ReplayChoice()));
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
                {"no_laws", plan.no_laws.empty() ? Object(nullptr) : Object(plan.no_laws)},
                {"cells", Object::array()}};
  if (plan.laws)
    out["laws"] = {{"target", law_json(plan.laws->target)},
                   {"source", law_json(plan.laws->source)}};
  for (const ReplayCell& cell : plan.cells) out["cells"].push_back(cell_json(cell));
  return out;
}

}  // namespace crosslaw::apps
