#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/study/sweep_fits.h"
#include "db/run_store.h"
#include "tests/support/temp_folder.h"

// The demo's sweep with planted losses: what a finished sweep holds, without training one.
namespace crosslaw::tests {

// Nats per token at the end of a schedule, without noise.
double planted_loss(const std::string& strategy, double params, double tokens);
// By how much the source-language loss of a continued run rises, nats, without noise.
double planted_rise(const std::string& strategy);

// Every run of the preset with its losses: trunks have losses in mid-schedule too, the largest
// continued French run diverged and one Chinese run from scratch failed.
db::RunStore planted_store(const std::filesystem::path& file);

// Its fits, with few starts and draws.
std::vector<apps::PairFits> planted_fits(const apps::Observations& observations);

// All of it, made once a program.
struct PlantedDemo {
  TempFolder folder;
  db::RunStore store;
  apps::Observations observations;
  std::vector<apps::PairFits> fits;

  PlantedDemo();
};
const PlantedDemo& planted_demo();

}  // namespace crosslaw::tests
