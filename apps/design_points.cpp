#include "apps/design_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "apps/observations.h"
#include "sweep/ladder.h"
#include "sweep/plan.h"
#include "sweep/spec.h"

namespace crosslaw::apps {
namespace {

// The language whose scaling a sweep asks about.
std::string target_language(const sweep::SweepSpec& spec, const std::string& wanted) {
  std::string first, continued;
  std::set<std::string> all;
  for (const sweep::StrategySpec& strategy : spec.strategies) {
    all.insert(strategy.language);
    if (first.empty()) first = strategy.language;
    if (continued.empty() && !strategy.from.empty()) continued = strategy.language;
  }
  if (wanted.empty()) return continued.empty() ? first : continued;
  if (all.contains(wanted)) return wanted;
  std::string known;
  for (const std::string& each : all) known += " " + each;
  throw std::invalid_argument(
      fmt::format("--language {}: the spec trains no such language; it has:{}", wanted, known));
}

double params_of(const db::RunRow& row) {
  return static_cast<double>(row.params_embedding + row.params_unembedding + row.params_blocks +
                             row.params_norms);
}

bool ends_identify(const std::vector<const sweep::PlannedRun*>& runs) {
  std::vector<std::pair<double, double>> ends;
  for (const sweep::PlannedRun* run : runs) {
    if (!run->parent) {
      ends.emplace_back(params_of(run->row), static_cast<double>(run->row.tokens_target));
    }
  }
  return has_several_budgets(ends);
}

}  // namespace

PlannedPoints points_of_spec(const std::filesystem::path& file, const std::string& wanted) {
  const sweep::SweepSpec spec = sweep::read_spec(file);
  const std::string language = target_language(spec, wanted);
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  std::vector<const sweep::PlannedRun*> runs;
  double replay = -1;  // one share of replay, the first
  for (const sweep::PlannedRun& run : plan.runs) {
    if (run.row.language != language) continue;
    if (run.parent && replay < 0) replay = run.row.replay;
    if (!run.parent || run.row.replay == replay) runs.push_back(&run);
  }
  PlannedPoints out;
  const bool ends = ends_identify(runs);
  std::map<std::tuple<std::string, std::string, std::int64_t>, int> clusters;
  for (const sweep::PlannedRun* run : runs) {
    const double tokens = static_cast<double>(run->row.tokens_target);
    const int cluster = clusters
                            .try_emplace({run->row.strategy, run->row.size, run->row.seed},
                                         static_cast<int>(clusters.size()))
                            .first->second;
    const auto add = [&](double at) {
      fit::Point point;
      point.params = params_of(run->row);
      point.tokens = at;
      point.loss = 1;
      point.cluster = cluster;
      point.stage = run->parent ? fit::Stage::kContinued : fit::Stage::kScratch;
      out.points.push_back(point);
    };
    const double per_step = tokens / static_cast<double>(run->row.steps);
    for (const std::int64_t step : run->evaluation_steps) {
      const double at = per_step * static_cast<double>(step);
      if (!ends && at >= kFirstShare * tokens && step < run->row.steps) add(at);
    }
    add(tokens);
    out.flops += run->flops_6nd();
  }
  out.what = fmt::format("{} ({}): {} runs, {} losses{}", spec.name, language, runs.size(),
                         out.points.size(), ends ? "" : ", most of them in mid-schedule");
  return out;
}

PlannedPoints points_of_grid(const std::vector<double>& params,
                             const std::vector<double>& tokens_per_param, bool both) {
  PlannedPoints out;
  int cluster = 0;
  for (const fit::Stage stage : {fit::Stage::kScratch, fit::Stage::kContinued}) {
    if (stage == fit::Stage::kContinued && !both) break;
    for (const double size : params) {
      for (const double ratio : tokens_per_param) {
        fit::Point point;
        point.params = size;
        point.tokens = ratio * size;
        point.loss = 1;
        point.cluster = cluster;
        point.stage = stage;
        out.flops += 6 * point.params * point.tokens;
        out.points.push_back(point);
      }
      ++cluster;
    }
  }
  out.what = fmt::format("{} sizes at {} numbers of tokens a parameter{}: {} losses", params.size(),
                         tokens_per_param.size(), both ? ", from scratch and continued" : "",
                         out.points.size());
  return out;
}

}  // namespace crosslaw::apps
