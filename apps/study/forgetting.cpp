#include "apps/study/forgetting.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "fit/laws/power_law.h"
#include "fit/solve/random.h"

namespace crosslaw::apps {
namespace {

constexpr int kGrowthDraws = 1000;

struct Risen {
  std::vector<double> log_params, log_tokens, log_rise;
};

void add_risen(const Forgetting& entry, Risen& out) {
  for (const SourceLoss& point : entry.points) {
    const double rise = point.loss - entry.start_loss.value_or(point.loss);
    if (!point.end || !(rise > 0) || !(point.tokens > 0)) continue;
    out.log_params.push_back(std::log(entry.params));
    out.log_tokens.push_back(std::log(point.tokens));
    out.log_rise.push_back(std::log(rise));
  }
}

}  // namespace

std::vector<Forgetting> forgetting(const Observations& observations, const LanguagePair& pair) {
  std::vector<Forgetting> out;
  if (pair.continued.empty()) return out;
  // Every budget is a run of its own, but all runs of a size and seed leave from one source model.
  std::map<std::pair<std::string, std::int64_t>, std::size_t> places;
  for (const Measurement& m : observations.on_source_language(pair.continued, pair.replay)) {
    const auto [place, fresh] = places.try_emplace({m.run->size, m.run->seed}, out.size());
    if (fresh) {
      out.push_back({pair.continued,
                     pair.replay,
                     pair.source_language,
                     m.run->size,
                     m.params,
                     m.run->seed,
                     observations.source_model_loss(*m.run),
                     {}});
    }
    Forgetting& entry = out[place->second];
    // An evaluation before the first step sees the source model itself.
    if (m.tokens == 0) {
      entry.start_loss = m.loss;
    } else {
      entry.points.push_back({static_cast<double>(m.tokens), m.loss, m.end});
    }
  }
  for (Forgetting& entry : out) {
    std::stable_sort(entry.points.begin(), entry.points.end(),
                     [](const SourceLoss& a, const SourceLoss& b) { return a.tokens < b.tokens; });
  }
  return out;
}

std::optional<ForgettingSummary> summarise(const std::vector<Forgetting>& forgotten) {
  ForgettingSummary out;
  double sum = 0;
  for (const Forgetting& entry : forgotten) {
    if (!entry.start_loss) continue;
    for (const SourceLoss& point : entry.points) {
      if (!point.end) continue;
      const double rise = point.loss - *entry.start_loss;
      out.least = out.ends == 0 ? rise : std::min(out.least, rise);
      out.most = out.ends == 0 ? rise : std::max(out.most, rise);
      sum += rise;
      ++out.ends;
    }
  }
  if (out.ends == 0) return std::nullopt;
  out.mean = sum / static_cast<double>(out.ends);
  return out;
}

std::optional<ForgettingGrowth> forgetting_growth(const std::vector<Forgetting>& forgotten) {
  Risen all;
  for (const Forgetting& entry : forgotten) add_risen(entry, all);
  const std::optional<fit::PowerPlane> found =
      fit::power_plane_through(all.log_params, all.log_tokens, all.log_rise);
  if (!found) return std::nullopt;
  std::vector<std::optional<fit::PowerPlane>> draws;
  for (int draw = 0; draw < kGrowthDraws; ++draw) {
    fit::Random random(1, static_cast<std::uint64_t>(draw));
    Risen some;
    for (std::size_t i = 0; i < forgotten.size(); ++i) {
      const auto which = random.index(static_cast<std::uint32_t>(forgotten.size()));
      add_risen(forgotten[which], some);
    }
    draws.push_back(fit::power_plane_through(some.log_params, some.log_tokens, some.log_rise));
  }
  const auto spread = [&](const auto& quantity) {
    std::vector<std::optional<double>> values;
    for (const std::optional<fit::PowerPlane>& each : draws)
      values.push_back(each ? std::optional<double>(quantity(*each)) : std::nullopt);
    return fit::summarise(quantity(*found), values);
  };
  ForgettingGrowth out;
  out.ends = static_cast<std::int64_t>(all.log_rise.size());
  out.constant = spread([](const fit::PowerPlane& p) { return std::exp(p.log_constant); });
  out.params_exponent = spread([](const fit::PowerPlane& p) { return p.first_exponent; });
  out.tokens_exponent = spread([](const fit::PowerPlane& p) { return p.second_exponent; });
  return out;
}

}  // namespace crosslaw::apps
