#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/solve/spread.h"

// Loss on the source language while a model continues on another (the "scaling law of forgetting"
// of arXiv:2407.02118, Fig. 5).
namespace crosslaw::apps {

struct SourceLoss {
  double tokens = 0;  // of the target language
  double loss = 0;    // nats per token of the source language
  bool end = false;   // of the schedule
};

// All runs of one size and seed, which continue one source model.
struct Forgetting {
  std::string strategy;
  double replay = 0;
  std::string source_language, size;
  double params = 0;
  std::int64_t seed = 0;
  std::optional<double> start_loss;  // of the source model; absent where it is not of this sweep
  std::vector<SourceLoss> points;    // by tokens
};

// How much the source-language loss rose from the source model to the ends of schedules, nats.
struct ForgettingSummary {
  std::int64_t ends = 0;
  double least = 0, mean = 0, most = 0;
};

// Empty where the strategy was never evaluated on its source language.
std::vector<Forgetting> forgetting(const Observations& observations, const LanguagePair& pair);

// Over the ends whose start is known; absent where there is none.
std::optional<ForgettingSummary> summarise(const std::vector<Forgetting>& forgotten);

// rise = constant * N^params_exponent * D^tokens_exponent over the ends of schedules, D tokens of
// the target language; least squares in logs over the ends at which something was forgotten.
struct ForgettingGrowth {
  std::int64_t ends = 0;
  fit::Estimate constant, params_exponent, tokens_exponent;  // intervals resample models whole
};

// Absent where fewer than four ends have risen, or they do not tell N from D.
std::optional<ForgettingGrowth> forgetting_growth(const std::vector<Forgetting>& forgotten);

}  // namespace crosslaw::apps
