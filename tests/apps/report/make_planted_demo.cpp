// Writes the folder of a sweep with planted losses and its fits: what the browser test reports on.
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>

#include "apps/study/sweep_fits.h"
#include "tests/apps/planted_demo.h"
#include "tests/apps/planted_transfer.h"

namespace {

using namespace crosslaw;

db::RunStore planted(const std::filesystem::path& folder, bool replay) {
  if (!replay) return tests::planted_store(folder / "crosslaw.db");
  tests::TransferWorld world;
  world.every = 8;
  world.replay = {0, 0.05, 0.2, 0.5};
  return tests::simulate(world, folder);
}

}  // namespace

int main(int argc, char** argv) {
  const bool replay = argc == 3 && std::strcmp(argv[2], "replay") == 0;
  if (argc != 2 && !replay) {
    std::fprintf(stderr, "usage: make_planted_demo DIR [replay]\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    db::RunStore store = planted(folder, replay);
    const apps::Observations observations(store, apps::ParamsCount::kAll);
    apps::store_fits(store, observations, tests::planted_fits(observations));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_planted_demo: %s\n", error.what());
    return 1;
  }
}
