#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/allocate/equal_loss.h"

// The losses that a plan of replay is read from: by size and share of replay, on both languages.
namespace crosslaw::apps {

// Losses of one size and share of replay, over the tokens of both languages.
struct RatioLosses {
  std::vector<double> log_tokens, log_target;
  std::vector<double> source_log_tokens, log_source;
};

struct SizeLosses {
  std::string size;
  std::vector<double> starts;  // log losses of the source models
  std::map<double, RatioLosses> by_ratio;
};

using BySize = std::map<double, SizeLosses>;  // by N

// The shares of replay with which one strategy continues.
struct ReplayGroup {
  std::string strategy, language, source_language;
  std::vector<LanguagePair> pairs;  // one a share
};
// Only strategies with two shares or more.
std::vector<ReplayGroup> replay_groups(const Observations& observations);

// Sizes with two shares or more that were evaluated on both languages.
BySize replay_losses(const Observations& observations, const ReplayGroup& group);

// From seeds where there are enough of them, else from losses around a smooth surface over N and D;
// sd 0: not known.
fit::LossScatter replay_noise(const Observations& observations, const ReplayGroup& group,
                              const BySize& measured);

// Another world: every loss with noise of its own. Worlds differ by the draw alone, not by what is
// asked of them.
BySize world_of(const BySize& measured, const fit::LossScatter& noise, std::uint64_t seed,
                int draw);

}  // namespace crosslaw::apps
