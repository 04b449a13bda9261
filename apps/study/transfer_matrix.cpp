#include "apps/study/transfer_matrix.h"

#include <algorithm>
#include <map>
#include <numbers>
#include <utility>

namespace crosslaw::apps {
namespace {

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// Of a strategy's last losses at about so many tokens per parameter, by size; the mean over seeds.
std::map<std::string, double> bits_per_byte(const Observations& observations,
                                            const std::string& strategy, double replay,
                                            double tokens_per_param) {
  std::map<std::string, std::pair<double, int>> sums;
  for (const db::RunResultRow& run : observations.runs()) {
    if (run.strategy != strategy || run.replay != replay || !run.loss_nats_per_byte) continue;
    if (run.outcome != db::Outcome::kDone) continue;
    const double ratio = static_cast<double>(run.tokens_target) /
                         static_cast<double>(run.params_budget) / tokens_per_param;
    if (ratio > kOneBudgetRatio || ratio < 1 / kOneBudgetRatio) continue;
    sums[run.size].first += *run.loss_nats_per_byte / std::numbers::ln2;
    ++sums[run.size].second;
  }
  std::map<std::string, double> out;
  for (const auto& [size, sum] : sums) out[size] = sum.first / sum.second;
  return out;
}

void add_bits_per_byte(const Observations& observations, const LanguagePair& pair,
                       TransferCell& cell) {
  const auto scratch = bits_per_byte(observations, pair.scratch, 0, cell.tokens_per_param);
  const auto continued =
      bits_per_byte(observations, pair.continued, pair.replay, cell.tokens_per_param);
  double scratch_sum = 0, continued_sum = 0, count = 0;
  for (const auto& [size, bits] : continued) {
    const auto same = scratch.find(size);
    if (same == scratch.end()) continue;
    scratch_sum += same->second, continued_sum += bits, ++count;
  }
  if (count == 0) return;
  cell.scratch_bits_per_byte = scratch_sum / count;
  cell.continued_bits_per_byte = continued_sum / count;
}

// The budget of most tokens per parameter that every pair has within kOneBudgetRatio; else the
// pair's own most.
const TransferBudget& common_budget(const PairTransfer& transfer,
                                    const std::vector<PairTransfer>& all) {
  const std::vector<TransferBudget>& own = transfer.findings.budgets;
  for (auto budget = own.rbegin(); budget != own.rend(); ++budget) {
    const auto has_it = [&](const PairTransfer& other) {
      return std::any_of(other.findings.budgets.begin(), other.findings.budgets.end(),
                         [&](const TransferBudget& each) {
                           const double ratio = each.tokens_per_param / budget->tokens_per_param;
                           return ratio <= kOneBudgetRatio && ratio >= 1 / kOneBudgetRatio;
                         });
    };
    if (std::all_of(all.begin(), all.end(), has_it)) return *budget;
  }
  return own.back();
}

}  // namespace

TransferMatrix transfer_matrix(const Observations& observations,
                               const std::vector<PairTransfer>& transfers) {
  TransferMatrix out;
  std::map<std::string, const PairTransfer*> least;  // of each continued strategy
  for (const PairTransfer& each : transfers) {
    if (each.findings.budgets.empty()) continue;
    const PairTransfer*& found = least[each.pair.continued];
    if (!found || each.pair.replay < found->pair.replay) found = &each;
  }
  for (const PairTransfer& each : transfers) {
    const auto found = least.find(each.pair.continued);
    if (found == least.end() || found->second != &each) continue;
    const TransferBudget& budget = common_budget(each, transfers);
    TransferCell cell{each.pair.source_language, each.pair.language, each.pair.continued,
                      each.pair.replay, budget.tokens_per_param};
    cell.by_law = budget.law.value.has_value();
    cell.saved_share = cell.by_law ? budget.law : budget.measured;
    cell.saving = budget.saving;
    add_bits_per_byte(observations, each.pair, cell);
    add_once(out.sources, cell.source_language);
    add_once(out.targets, cell.language);
    out.cells.push_back(std::move(cell));
  }
  return out;
}

}  // namespace crosslaw::apps
