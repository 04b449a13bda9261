#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/study/observations.h"

namespace crosslaw::apps {

// Losses on one language against the compute spent on that language alone (Fig. 5).
struct LanguageCurve {
  std::string strategy, language, size;
  bool source = false;  // the language is the one that the model came from
  double replay = 0, params = 0;
  std::int64_t seed = 0;
  struct At {
    double flops = 0, tokens = 0;  // tokens of the target language
    double loss = 0;
    bool end = false;
  };
  std::vector<At> points;
};
std::vector<LanguageCurve> language_curves(const Observations& observations,
                                           const LanguagePair& pair);

}  // namespace crosslaw::apps
