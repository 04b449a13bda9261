#include "apps/study/rate_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "fit/solve/distributions.h"

namespace crosslaw::apps {
namespace {

struct TrainedSetting {
  const db::RunRow* run = nullptr;
  double rate = 0, batch = 0;
};

TrainedSetting setting_of(const db::RunRow& run) {
  const nlohmann::json recipe = nlohmann::json::parse(run.recipe);
  return {&run, recipe.at("schedule").at("peak_learning_rate"),
          recipe.at("batch_sequences").get<double>() * recipe.at("context_tokens").get<double>()};
}

double tokens_per_param(const db::RunRow& run) {
  return static_cast<double>(run.tokens_target) / static_cast<double>(run.params_budget);
}

// Runs of one strategy and size; budgets are compared as rounded to whole batches.
using SearchPlace = std::tuple<std::string, std::string>;
constexpr double kBudgetTolerance = 0.1;

// Losses at the ends of runs, by run.
std::map<std::int64_t, double> end_losses(const db::RunStore& store) {
  std::map<std::int64_t, double> losses;
  for (const db::RunResultRow& row : store.results()) {
    if (row.outcome == db::Outcome::kDone && row.loss_nats) losses[row.run_id] = *row.loss_nats;
  }
  return losses;
}

// Weighted least squares of a line; the error of its slope is that of the points' errors.
struct Line {
  double level = 0, slope = 0, slope_error = 0;
};
Line line_through(const std::vector<double>& x, const std::vector<double>& y,
                  const std::vector<double>& error) {
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double weight = 1 / (error[i] * error[i]);
    w += weight, wx += weight * x[i], wy += weight * y[i];
    wxx += weight * x[i] * x[i], wxy += weight * x[i] * y[i];
  }
  const double determinant = w * wxx - wx * wx;
  const double slope = (w * wxy - wx * wy) / determinant;
  return {(wy - slope * wx) / w, slope, std::sqrt(w / determinant)};
}

}  // namespace

std::vector<RateSearch> rate_searches(const db::RunStore& store) {
  const std::vector<db::RunRow> runs = store.runs();
  const std::map<std::int64_t, double> losses = end_losses(store);
  std::map<SearchPlace, std::vector<TrainedSetting>> searched;
  for (const db::RunRow& run : runs) {
    if (run.search) searched[{run.strategy, run.size}].push_back(setting_of(run));
  }
  std::vector<RateSearch> out;
  for (auto& [place, settings] : searched) {
    const double budget = tokens_per_param(*settings.front().run);
    RateSearch search;
    std::tie(search.strategy, search.size) = place;
    search.params = static_cast<double>(settings.front().run->params_budget);
    search.tokens_per_param = budget;
    // The sweep's own runs of that budget are of the search, too.
    for (const db::RunRow& run : runs) {
      const bool same = !run.search && run.strategy == search.strategy && run.size == search.size &&
                        std::abs(tokens_per_param(run) / budget - 1) < kBudgetTolerance;
      if (!same) continue;
      settings.push_back(setting_of(run));
      search.fixed_rate = settings.back().rate, search.fixed_batch = settings.back().batch;
    }
    std::vector<fit::SettingPoint> points;
    for (const TrainedSetting& setting : settings) {
      if (const auto loss = losses.find(setting.run->id); loss != losses.end())
        points.push_back({setting.rate, setting.batch, loss->second});
    }
    if (search.fixed_rate == 0) {
      search.optimum.problem = "the sweep trains no run of this budget to compare with";
    } else {
      search.optimum = fit::setting_optimum(points, {search.fixed_rate, search.fixed_batch});
    }
    out.push_back(std::move(search));
  }
  std::stable_sort(out.begin(), out.end(), [](const RateSearch& a, const RateSearch& b) {
    return std::tie(a.strategy, a.params) < std::tie(b.strategy, b.params);
  });
  return out;
}

std::vector<RateRuleFit> rate_rules(const db::RunStore& store,
                                    const std::vector<RateSearch>& searches) {
  std::map<std::string, std::vector<const RateSearch*>> of_strategy;
  for (const RateSearch& search : searches) {
    if (search.optimum.problem.empty() && search.optimum.log_rate_error > 0)
      of_strategy[search.strategy].push_back(&search);
  }
  const std::vector<db::RunRow> runs = store.runs();
  std::vector<RateRuleFit> out;
  for (const auto& [strategy, some] : of_strategy) {
    if (some.size() < 2) continue;
    std::vector<double> x, y, error;
    double curvature = 0;
    for (const RateSearch* search : some) {
      x.push_back(std::log(search->params));
      y.push_back(std::log(*search->optimum.learning_rate.value));
      error.push_back(search->optimum.log_rate_error);
      curvature += search->optimum.rate_curvature / static_cast<double>(some.size());
    }
    const Line rule = line_through(x, y, error);
    const double half_width = fit::kNormal975 * rule.slope_error;
    RateRuleFit fit;
    fit.strategy = strategy;
    fit.coefficient = std::exp(rule.level);
    fit.exponent = rule.slope, fit.exponent_error = rule.slope_error;
    fit.exponent_ci95 = {rule.slope - half_width, rule.slope + half_width};
    std::map<std::string, CarriedRate> sizes;
    for (const db::RunRow& run : runs) {
      if (run.search || run.strategy != strategy) continue;
      const auto params = static_cast<double>(run.params_budget);
      CarriedRate carried{run.size, params, setting_of(run).rate, 0, 0};
      carried.rule_rate = fit.coefficient * std::pow(params, fit.exponent);
      const double off = std::log(carried.fixed_rate / carried.rule_rate);
      carried.excess = curvature / 2 * off * off;
      sizes[run.size] = carried;
    }
    for (const auto& [size, carried] : sizes) fit.sizes.push_back(carried);
    std::sort(fit.sizes.begin(), fit.sizes.end(),
              [](const CarriedRate& a, const CarriedRate& b) { return a.params < b.params; });
    const CarriedRate &small = fit.sizes.front(), &large = fit.sizes.back();
    if (large.params > small.params)
      fit.fixed_exponent =
          std::log(large.fixed_rate / small.fixed_rate) / std::log(large.params / small.params);
    const auto [least, most] = std::minmax_element(
        fit.sizes.begin(), fit.sizes.end(),
        [](const CarriedRate& a, const CarriedRate& b) { return a.excess < b.excess; });
    fit.bends = most->excess - least->excess > kBend &&
                std::abs(fit.exponent - fit.fixed_exponent) > half_width;
    out.push_back(std::move(fit));
  }
  return out;
}

}  // namespace crosslaw::apps
