#include "apps/study/language_curves.h"

namespace crosslaw::apps {

std::vector<LanguageCurve> language_curves(const Observations& observations,
                                           const LanguagePair& pair) {
  std::vector<LanguageCurve> out;
  if (pair.continued.empty()) return out;
  const auto add = [&](const std::vector<Measurement>& measurements, bool source) {
    const db::RunResultRow* run = nullptr;
    for (const Measurement& m : measurements) {
      if (m.run != run) {
        run = m.run;
        out.push_back({pair.continued,
                       source ? pair.source_language : pair.language,
                       run->size,
                       source,
                       pair.replay,
                       m.params,
                       run->seed,
                       {}});
      }
      const double flops = source ? m.flops - m.target_flops : m.target_flops;
      out.back().points.push_back({flops, static_cast<double>(m.tokens), m.loss, m.end});
    }
  };
  add(observations.of_strategy(pair.continued, pair.replay), false);
  add(observations.on_source_language(pair.continued, pair.replay), true);
  return out;
}

}  // namespace crosslaw::apps
