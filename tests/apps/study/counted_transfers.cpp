#include "tests/apps/study/counted_transfers.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "apps/study/base_comparison.h"
#include "apps/study/fit_choice.h"
#include "apps/study/replay_plan.h"
#include "apps/study/sweep_transfers.h"
#include "fit/allocate/transfer.h"
#include "fit/laws/law.h"
#include "fit/solve/fitter.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::tests {
namespace {

constexpr double kWithin = 0.2;  // nats that the source loss may rise

class Counts {
 public:
  void add(const std::string& quantity, const fit::Estimate& estimate, double truth) {
    CountedInterval& count = of(quantity);
    if (!estimate.ci95) {
      ++count.missing;
      return;
    }
    const double width = estimate.ci95->high - estimate.ci95->low;
    count.held += estimate.ci95->low <= truth && truth <= estimate.ci95->high;
    count.held_by_half +=
        std::abs(truth - (estimate.ci95->low + estimate.ci95->high) / 2) <= width / 4;
    count.width += (width - count.width) / ++count.made;
    const double square = (*estimate.value - truth) * (*estimate.value - truth);
    count.error =
        std::sqrt(count.error * count.error + (square - count.error * count.error) / count.made);
  }
  // A statement that shall hold in 95 of 100 sweeps or more.
  void hold(const std::string& statement, bool holds) {
    CountedInterval& count = of(statement);
    count.held += holds, ++count.made;
    count.one_sided = true;
  }
  std::vector<CountedInterval> all() const { return all_; }

 private:
  CountedInterval& of(const std::string& quantity) {
    if (!places_.contains(quantity)) {
      places_[quantity] = all_.size();
      all_.push_back({quantity});
    }
    return all_[places_.at(quantity)];
  }

  std::map<std::string, std::size_t> places_;
  std::vector<CountedInterval> all_;
};

fit::FitResult planted_law(const TransferWorld& w) {
  return fit::from_values(fit::find_law("joint"), {w.e, w.a, w.alpha, w.b, w.beta, w.b_continued,
                                                   w.beta_continued, w.gamma});
}

void count_findings(const apps::PairTransfer& transfer, const TransferWorld& world,
                    std::uint64_t seed, Counts& counts) {
  const apps::TransferFindings& found = transfer.findings;
  const fit::FitResult truth = planted_law(world);
  const auto share = [&](const apps::TransferRow& row) {
    return 1 - row.tokens / world.equal_tokens(row.params, row.tokens);
  };
  const apps::TransferRow& last = found.rows.back();
  counts.add("share saved, largest run, law", last.law->saved_share, share(last));
  counts.add("tokens transferred, largest run, law", last.law->transferred_tokens,
             world.equal_tokens(last.params, last.tokens) - last.tokens);
  // Another measured run in every sweep.
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    const apps::TransferRow& row = found.rows[(i + 7 * seed) % found.rows.size()];
    if (!row.measured || row.extrapolated) continue;
    counts.add("share saved, one run, measured", row.measured->saved_share, share(row));
    break;
  }
  const apps::TransferBudget& budget = found.budgets[found.budgets.size() / 2];
  double mean = 0, inside = 0, mean_inside = 0;
  // Every size has each budget once, in the order of the rows.
  for (std::size_t i = found.budgets.size() / 2; i < found.rows.size(); i += found.budgets.size()) {
    const apps::TransferRow& row = found.rows[i];
    mean += share(row) / static_cast<double>(budget.sizes);
    if (!row.extrapolated) mean_inside += share(row), ++inside;
  }
  counts.add("mean share at a budget, law", budget.law, mean);
  counts.add("mean share at a budget, measured", budget.measured, mean_inside / inside);
  const apps::TransferCrossing& crossing = found.crossings[found.crossings.size() / 2];
  counts.add("crossing, law", crossing.law, *fit::crossing_at(truth, crossing.params).tokens.value);
  const apps::FrontierSaving& frontier = found.frontier[found.frontier.size() / 2];
  const fit::BudgetSaving saving = fit::saving_at(truth, frontier.flops);
  counts.add("share saved on the frontier, law", frontier.law, *saving.saved_share.value);
  counts.add("share saved on the frontier, lowest losses", frontier.measured,
             *saving.saved_share.value);
  counts.add("difference of the best losses, law", frontier.loss_difference,
             *saving.loss_difference.value);
  if (transfer.contrast)
    counts.add("gamma' - gamma", transfer.contrast->gamma_difference, world.gamma);
  if (found.law_growth) {
    fit::EqualLoss exact;
    exact.continued.resize(found.rows.size());
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
      exact.continued[i] = {found.rows[i].params, found.rows[i].tokens, found.rows[i].loss};
      exact.tokens.emplace_back(world.equal_tokens(found.rows[i].params, found.rows[i].tokens));
    }
    const auto growth = fit::transfer_growth(exact);
    counts.add("growth of transferred data with D, law", found.law_growth->tokens_exponent,
               *growth->tokens_exponent.value);
    counts.add("growth of transferred data with N, law", found.law_growth->params_exponent,
               *growth->params_exponent.value);
  }
}

void count_replay(const apps::ReplayPlan& plan, const TransferWorld& world, std::uint64_t seed,
                  Counts& counts) {
  const apps::ReplayCell& cell = plan.cells[seed % plan.cells.size()];
  const auto rise_at = [&](double ratio) {
    return world.source_rise(cell.params, cell.tokens * (1 - ratio), ratio);
  };
  const auto loss_at = [&](double ratio) {
    return world.continued_loss(cell.params, cell.tokens * (1 - ratio), ratio);
  };
  // Where the sum of the planted losses is least, among the shares that were looked at.
  double best = 0, least = std::numeric_limits<double>::infinity();
  for (const double ratio : plan.laws ? plan.laws->shares : std::vector<double>()) {
    if (loss_at(ratio) + rise_at(ratio) >= least) continue;
    least = loss_at(ratio) + rise_at(ratio), best = ratio;
  }
  if (cell.law) {
    counts.add("share of the least sum, laws", cell.law->best_ratio, best);
    const int draws = plan.laws->draws();
    std::vector<std::optional<double>> rises, losses;
    for (int draw = 0; draw < draws; ++draw) {
      rises.emplace_back(plan.laws->rise(cell.params, cell.tokens, 0.1, draw));
      losses.emplace_back(plan.laws->target_loss(cell.params, cell.tokens, 0.1, draw));
    }
    counts.add("source loss over its start, 10 % of replay, law",
               fit::summarise(plan.laws->rise(cell.params, cell.tokens, 0.1, {}), rises),
               rise_at(0.1));
    counts.add("target loss, 10 % of replay, law",
               fit::summarise(plan.laws->target_loss(cell.params, cell.tokens, 0.1, {}), losses),
               loss_at(0.1));
  }
  // "with 95 % probability": the planted rise at the share that was called safe.
  const auto safe = [&](const char* how, const std::optional<double>& ratio) {
    if (ratio && *ratio > 0)
      counts.hold(fmt::format("planted rise within the bound at the safe share, {}", how),
                  rise_at(*ratio) <= kWithin);
  };
  safe("measured", cell.measured.safe_ratio);
  if (cell.law) safe("laws", cell.law->safe_ratio);
  for (const apps::ReplayRatio& at : cell.ratios) {
    if (at.extrapolated || at.ratio == 0) continue;
    counts.add("source loss over its start, one share of replay", at.rise, rise_at(at.ratio));
    counts.add("target loss, one share of replay", at.target_loss, loss_at(at.ratio));
    break;
  }
}

// What crosslaw run stores of the pair, as far as transfer reads it.
apps::PairFits fits_of(const apps::Observations& observations, const apps::LanguagePair& pair) {
  const apps::Dataset data =
      apps::dataset_of_pair(observations, pair, apps::PointChoice::kAuto, false);
  fit::FitOptions options;
  options.law = fit::kTwoStageLaw;
  options.starts = 4;  // of planted laws every start ends at the optimum
  options.draws = 200;
  apps::PairFits out{pair, {}, {}};
  out.fits.push_back({"two-stage", fit::fit_law(data.data.points, options), data});
  out.choice = apps::only_choice(out.fits);
  out.contrast = apps::law_contrast(data, options);
  return out;
}

// What the losses after the shorter bases lie above those after the longest, mean over the runs.
void count_base_rows(const apps::BaseComparison& found, const apps::Observations& observations,
                     const TransferWorld& world, Counts& counts) {
  for (const apps::BaseRow& row : found.rows) {
    if (row.base_tokens_per_param == world.bases.back()) continue;
    double truth = 0;
    for (const apps::LanguagePair& pair : observations.pairs()) {
      if (pair.base != row.base_tokens_per_param) continue;
      for (const apps::Measurement& m : observations.of_strategy(pair.continued, 0)) {
        const auto tokens = static_cast<double>(m.tokens);
        const double shorter = std::pow(row.base_tokens_per_param / 20, -world.base_exponent);
        const double longest = std::pow(world.bases.back() / 20, -world.base_exponent);
        truth += world.continued_loss(m.params, tokens, 0, shorter) -
                 world.continued_loss(m.params, tokens, 0, longest);
      }
    }
    counts.add(fmt::format("loss after a base of {} over one of {} tokens a parameter",
                           row.base_tokens_per_param, world.bases.back()),
               row.loss_difference, truth / static_cast<double>(row.runs));
  }
  counts.add("exponent of the base's tokens, law", found.delta, world.base_exponent);
}

// Calls count(observations, world) for each simulated sweep.
template <class Count>
void for_each_sweep(TransferWorld world, int sweeps, std::uint64_t seed, const Progress& progress,
                    const Count& count) {
  for (int i = 0; i < sweeps; ++i) {
    world.seed = seed + static_cast<std::uint64_t>(i);
    const TempFolder folder;
    const db::RunStore store = simulate(world, folder.path());
    count(apps::Observations(store, apps::ParamsCount::kAll), world);
    if (progress) progress(i + 1);
  }
}

}  // namespace

std::vector<CountedInterval> count_transfers(TransferWorld world, int sweeps, std::uint64_t seed,
                                             const Progress& progress) {
  Counts counts;
  const auto count = [&](const apps::Observations& observations, const TransferWorld& at) {
    const auto transfer =
        apps::pair_transfer(observations, fits_of(observations, observations.pairs().front()));
    if (transfer) count_findings(*transfer, at, at.seed, counts);
    apps::ReplayOptions replay;
    replay.draws = 200;
    replay.within = kWithin;
    for (const apps::ReplayPlan& plan : apps::replay_plans(observations, replay))
      count_replay(plan, at, at.seed, counts);
  };
  for_each_sweep(std::move(world), sweeps, seed, progress, count);
  return counts.all();
}

std::vector<CountedInterval> count_bases(TransferWorld world, int sweeps, std::uint64_t seed,
                                         const Progress& progress) {
  Counts counts;
  const auto count = [&](const apps::Observations& observations, const TransferWorld& at) {
    for (const apps::BaseComparison& found : apps::base_comparisons(observations))
      count_base_rows(found, observations, at, counts);
  };
  for_each_sweep(std::move(world), sweeps, seed, progress, count);
  return counts.all();
}

}  // namespace crosslaw::tests
