#include "apps/study/replay_losses.h"

#include <cmath>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "fit/solve/random.h"

namespace crosslaw::apps {
namespace {

bool is_used(const Measurement& m, bool all) {
  const bool late =
      static_cast<double>(m.tokens) >= kFirstShare * static_cast<double>(m.run->tokens_target);
  return m.tokens > 0 && (m.end || (all && late));
}

void add_noise(std::vector<double>& values, double sd, fit::Random& random) {
  for (double& value : values) value += sd * random.normal();
}

}  // namespace

std::vector<ReplayGroup> replay_groups(const Observations& observations) {
  std::map<std::tuple<std::string, std::string>, ReplayGroup> found;
  for (const LanguagePair& pair : observations.pairs()) {
    if (pair.continued.empty()) continue;
    ReplayGroup& group = found[{pair.language, pair.continued}];
    group.strategy = pair.continued;
    group.language = pair.language;
    group.source_language = pair.source_language;
    group.pairs.push_back(pair);
  }
  std::vector<ReplayGroup> out;
  for (auto& [name, group] : found) {
    if (group.pairs.size() > 1) out.push_back(std::move(group));
  }
  return out;
}

BySize replay_losses(const Observations& observations, const ReplayGroup& group) {
  BySize out;
  std::set<std::pair<double, std::int64_t>> started;  // sizes and seeds whose source model is known
  for (const LanguagePair& pair : group.pairs) {
    const bool all = observations.resolve(pair, PointChoice::kAuto) == PointChoice::kAll;
    const auto log_total = [&](const Measurement& m) {
      return std::log(static_cast<double>(m.tokens) / (1 - pair.replay));
    };
    for (const Measurement& m : observations.of_strategy(pair.continued, pair.replay)) {
      if (!is_used(m, all)) continue;
      SizeLosses& of_size = out[m.params];
      of_size.size = m.run->size;
      of_size.by_ratio[pair.replay].log_tokens.push_back(log_total(m));
      of_size.by_ratio[pair.replay].log_target.push_back(std::log(m.loss));
    }
    for (const Measurement& m : observations.on_source_language(pair.continued, pair.replay)) {
      // A loss before the first step is that of the source model itself. All runs of a size and
      // seed start from one model.
      if (!started.contains({m.params, m.run->seed})) {
        const std::optional<double> start =
            m.tokens == 0 ? std::optional(m.loss) : observations.source_model_loss(*m.run);
        if (start) out[m.params].starts.push_back(std::log(*start));
        if (start) started.insert({m.params, m.run->seed});
      }
      if (!is_used(m, all)) continue;
      RatioLosses& losses = out[m.params].by_ratio[pair.replay];
      losses.source_log_tokens.push_back(log_total(m));
      losses.log_source.push_back(std::log(m.loss));
    }
  }
  // A share without losses on both languages says nothing.
  for (auto& [params, of_size] : out) {
    std::erase_if(of_size.by_ratio, [](const auto& each) {
      return each.second.log_target.empty() || each.second.log_source.empty();
    });
  }
  std::erase_if(out, [](const auto& each) { return each.second.by_ratio.size() < 2; });
  return out;
}

BySize world_of(const BySize& measured, const fit::LossScatter& noise, std::uint64_t seed,
                int draw) {
  fit::Random random(seed, static_cast<std::uint64_t>(draw));
  const double sd = noise.sd / std::sqrt(random.chi_square_share(noise.freedom));
  BySize out = measured;
  for (auto& [params, of_size] : out) {
    add_noise(of_size.starts, sd, random);
    for (auto& [ratio, losses] : of_size.by_ratio) {
      add_noise(losses.log_target, sd, random);
      add_noise(losses.log_source, sd, random);
    }
  }
  return out;
}

fit::LossScatter replay_noise(const Observations& observations, const ReplayGroup& group,
                              const BySize& measured) {
  fit::Points points;
  for (const auto& [params, of_size] : measured) {
    for (const auto& [ratio, losses] : of_size.by_ratio) {
      // Places that differ in the share of replay alone are no repeats.
      for (std::size_t i = 0; i < losses.log_target.size(); ++i)
        points.push_back({params * (1 + 1e-9 * ratio), std::exp(losses.log_tokens[i]),
                          std::exp(losses.log_target[i])});
    }
  }
  const fit::LossScatter seeds = fit::loss_noise(points, nullptr);
  if (seeds.sd > 0) return seeds;
  // Else the scatter of the losses around a plane in log N and log D, share by share.
  double squares = 0, freedom = 0;
  for (const LanguagePair& pair : group.pairs) {
    const fit::Points all = observations.points(pair, PointChoice::kAuto);
    const fit::SurfaceScatter scatter =
        fit::surface_scatter(fit::select_stage(all, fit::Stage::kContinued));
    squares += scatter.squares, freedom += scatter.freedom;
  }
  if (!(freedom > 0)) return {};
  return {std::sqrt(squares / freedom), freedom, "losses around a smooth surface"};
}

}  // namespace crosslaw::apps
