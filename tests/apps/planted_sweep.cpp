#include "tests/apps/planted_sweep.h"

#include "tests/apps/planted_transfer.h"

namespace crosslaw::tests {
namespace {

TransferWorld full_world() {
  TransferWorld world;
  world.b_continued = 130, world.beta_continued = 0.23;
  world.tokens_per_param = {5, 20, 80};
  world.every = 1;
  return world;
}

}  // namespace

const std::map<std::string, double>& planted_values() {
  static const TransferWorld w = full_world();
  static const std::map<std::string, double> values = {{"E", w.e},
                                                       {"A", w.a},
                                                       {"alpha", w.alpha},
                                                       {"B", w.b},
                                                       {"beta", w.beta},
                                                       {"B_continued", w.b_continued},
                                                       {"beta_continued", w.beta_continued},
                                                       {"gamma", w.gamma}};
  return values;
}

db::RunStore planted_store(const TempFolder& folder) {
  return simulate(full_world(), folder.path());
}

}  // namespace crosslaw::tests
