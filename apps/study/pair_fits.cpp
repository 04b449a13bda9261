#include "apps/study/pair_fits.h"

namespace crosslaw::apps {

const NamedFit* PairFits::named(const std::string& name) const {
  for (const NamedFit& each : fits) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

const fit::FitResult* PairFits::find(const std::string& name) const {
  const NamedFit* found = named(name);
  return found ? &found->fit : nullptr;
}

}  // namespace crosslaw::apps
