#include "apps/study/choice_scores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "apps/study/sweep_summary.h"

namespace crosslaw::apps {
namespace {

std::string kind_of(const std::vector<StrategySummary>& strategies, const std::string& name) {
  for (const StrategySummary& each : strategies) {
    if (each.name == name) return each.kind;
  }
  return "scratch";
}

void pool(const db::ChoiceRow& row, const db::RunResultRow& run, ChoiceScore& score, int& losses) {
  score.questions += row.questions;
  score.correct += row.correct;
  score.correct_by_byte += row.correct_by_byte;
  if (!run.loss_nats) return;
  ++losses;
  score.loss = score.loss.value_or(0) + (*run.loss_nats - score.loss.value_or(0)) / losses;
}

void mark_largest(std::vector<ChoiceScore>& scores) {
  std::map<std::tuple<std::string, std::string, double>, ChoiceScore*> largest;
  for (ChoiceScore& each : scores) {
    ChoiceScore*& found = largest[{each.set, each.strategy, each.replay}];
    if (!found || std::pair(found->params, found->tokens) < std::pair(each.params, each.tokens))
      found = &each;
  }
  for (auto& [place, score] : largest) score->largest = true;
}

// Budgets of shares of replay differ by rounding alone.
void set_relative(std::vector<ChoiceScore>& scores) {
  for (ChoiceScore& each : scores) {
    double best = 0;
    int shares = 0;
    for (const ChoiceScore& other : scores) {
      const double ratio = other.tokens / each.tokens;
      if (other.set != each.set || other.strategy != each.strategy || other.size != each.size ||
          ratio > kSameTokensRatio || ratio < 1 / kSameTokensRatio)
        continue;
      ++shares;
      best = std::max(best, other.by_byte.share);
    }
    if (shares > 1 && best > 0) each.relative = each.by_byte.share / best;
  }
}

}  // namespace

std::vector<ChoiceScore> choice_scores(const db::RunStore& store,
                                       const Observations& observations) {
  std::map<std::int64_t, const db::RunResultRow*> runs;
  for (const db::RunResultRow& run : observations.runs()) runs[run.run_id] = &run;
  const std::vector<StrategySummary> strategies = strategies_of(observations);
  using Place = std::tuple<std::string, std::string, double, double, double>;
  std::map<Place, std::pair<ChoiceScore, int>> pooled;
  for (const db::RunChoices& each : store.choices()) {
    const auto found = runs.find(each.run_id);
    if (found == runs.end() || found->second->outcome != db::Outcome::kDone ||
        each.row.questions == 0)
      continue;
    const db::RunResultRow& run = *found->second;
    const double params = params_of(run, observations.count());
    const auto tokens = static_cast<double>(run.tokens_target);
    auto& [score, losses] = pooled[{each.row.name, run.strategy, run.replay, params, tokens}];
    score.set = each.row.name;
    score.strategy = run.strategy, score.language = run.language, score.size = run.size;
    score.source_language = run.source_language;
    score.kind = kind_of(strategies, run.strategy);
    score.replay = run.replay, score.params = params, score.tokens = tokens;
    pool(each.row, run, score, losses);
  }
  std::vector<ChoiceScore> out;
  for (auto& [place, score] : pooled) {
    ChoiceScore& each = score.first;
    each.plain = accuracy(each.correct, each.questions);
    each.by_byte = accuracy(each.correct_by_byte, each.questions);
    out.push_back(std::move(each));
  }
  mark_largest(out);
  set_relative(out);
  return out;
}

std::string describe(const std::vector<ChoiceScore>& scores) {
  std::vector<std::string> parts;
  std::string set;
  for (const ChoiceScore& each : scores) {
    if (!each.largest || (!set.empty() && each.set != set)) continue;
    set = each.set;
    parts.push_back(fmt::format("{}{} {:.1f} % [{:.0f}, {:.0f}]", each.strategy,
                                each.replay > 0 ? fmt::format("+{:g}", each.replay) : "",
                                100 * each.by_byte.share, 100 * each.by_byte.low,
                                100 * each.by_byte.high));
  }
  if (parts.empty()) return "";
  return fmt::format("On {} the largest models choose rightly, by likelihood a byte: {}.", set,
                     fmt::join(parts, ", "));
}

}  // namespace crosslaw::apps
