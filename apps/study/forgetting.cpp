#include "apps/study/forgetting.h"

#include <algorithm>
#include <map>
#include <utility>

namespace crosslaw::apps {

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

}  // namespace crosslaw::apps
