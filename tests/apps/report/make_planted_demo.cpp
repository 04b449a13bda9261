// Writes the folder of a sweep with planted losses and its fits: what the browser test reports on.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "tests/apps/planted_demo.h"

int main(int argc, char** argv) {
  using namespace crosslaw;
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_planted_demo DIR\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    db::RunStore store = tests::planted_store(folder / "crosslaw.db");
    const apps::Observations observations(store, apps::ParamsCount::kAll);
    apps::store_fits(store, observations, tests::planted_fits(observations));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_planted_demo: %s\n", error.what());
    return 1;
  }
}
