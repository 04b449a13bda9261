#include "apps/study/design_points.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "apps/study/observations.h"
#include "apps/study/presets.h"
#include "sweep/plan/plan.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"

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

// The runs of one language; of continued ones those with one share of replay and one base budget,
// the first.
std::vector<const sweep::PlannedRun*> runs_of(const sweep::Plan& plan,
                                              const std::string& language) {
  std::vector<const sweep::PlannedRun*> out;
  std::optional<double> replay, base;
  for (const sweep::PlannedRun& run : plan.runs) {
    if (run.row.language != language || run.row.search) continue;
    if (run.parent && !replay) replay = run.row.replay, base = run.row.base_tokens_per_param;
    if (!run.parent || (run.row.replay == replay && run.row.base_tokens_per_param == base))
      out.push_back(&run);
  }
  return out;
}

// Tokens at which a run measures a loss that becomes a point.
std::vector<double> measured_tokens(const sweep::PlannedRun& run, bool ends) {
  const auto all = static_cast<double>(run.row.tokens_target);
  const double per_step = all / static_cast<double>(run.row.steps);
  std::vector<double> out;
  for (const std::int64_t step : run.evaluation_steps) {
    const double at = per_step * static_cast<double>(step);
    if (!ends && at >= kFirstShare * all && step < run.row.steps) out.push_back(at);
  }
  out.push_back(all);
  return out;
}

std::vector<double> even_in_log(double low, double high, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) {
    out.push_back(low * std::pow(high / low, static_cast<double>(i) / (count - 1)));
  }
  return out;
}

}  // namespace

PlannedPoints points_of_spec(const std::filesystem::path& file, const std::string& wanted) {
  const sweep::SweepSpec spec = sweep::read_spec(file_or_preset(file, ".toml"));
  const std::string language = target_language(spec, wanted);
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  const std::vector<const sweep::PlannedRun*> runs = runs_of(plan, language);
  PlannedPoints out;
  const bool ends = ends_identify(runs);
  std::map<std::tuple<std::string, std::string, std::int64_t>, int> clusters;
  for (const sweep::PlannedRun* run : runs) {
    fit::Point point;
    point.params = params_of(run->row);
    point.loss = 1;
    point.cluster = clusters
                        .try_emplace({run->row.strategy, run->row.size, run->row.seed},
                                     static_cast<int>(clusters.size()))
                        .first->second;
    point.stage = run->parent ? fit::Stage::kContinued : fit::Stage::kScratch;
    for (const double tokens : measured_tokens(*run, ends)) {
      point.tokens = tokens;
      out.points.push_back(point);
    }
    out.flops += run->flops_6nd();
  }
  out.runs = runs.size();
  out.vocabulary = static_cast<double>(spec.vocabulary);
  out.what = fmt::format("{} ({}): {} runs, {} losses{}", spec.name, language, out.runs,
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
        out.flops += fit::training_flops(point);
        out.points.push_back(point);
      }
      ++cluster;
    }
  }
  out.runs = out.points.size();
  out.what = fmt::format("{} sizes at {} numbers of tokens a parameter{}: {} losses", params.size(),
                         tokens_per_param.size(), both ? ", from scratch and continued" : "",
                         out.points.size());
  return out;
}

std::vector<fit::CandidateRun> candidate_runs(const fit::DataRange& covered,
                                              const fit::ComputeModel& compute, bool both,
                                              std::vector<fit::LadderSize> sizes,
                                              const std::vector<double>& tokens_per_param) {
  if (sizes.empty()) {
    for (const double params : even_in_log(covered.params.low, 4 * covered.params.high, 24)) {
      sizes.push_back({"", params, std::nullopt});
    }
  }
  const bool usual = tokens_per_param.empty();
  const fit::Range& seen = covered.tokens_per_param;
  std::vector<fit::CandidateRun> out;
  for (const fit::LadderSize& size : sizes) {
    const double per_token = size.flops_per_token.value_or(compute.flops_per_token(size.params));
    for (const double ratio : usual ? even_in_log(seen.low, 2 * seen.high, 16) : tokens_per_param) {
      const double tokens = ratio * size.params;
      if (usual && tokens < covered.tokens.low) continue;
      out.push_back({size.name, size.params, tokens, per_token * tokens});
      if (!both) continue;
      out.push_back(out.back());
      out.back().stage = fit::Stage::kContinued;
    }
  }
  return out;
}

}  // namespace crosslaw::apps
