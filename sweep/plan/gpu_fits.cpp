#include "sweep/plan/gpu_fits.h"

#include <set>

#include "sweep/plan/run_gpus.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {

std::vector<GpuFit> gpu_fits(const Plan& plan, const std::vector<int64_t>& gpus,
                             const std::vector<double>& cards_gb) {
  std::vector<GpuFit> fits;
  std::set<std::string> sizes;
  for (const PlannedRun& run : plan.runs) {
    if (!sizes.insert(run.row.size).second) continue;
    const int64_t params = trainer::count_parameters(run.recipe.model).total();
    for (const int64_t ranks : gpus) {
      for (const double card : cards_gb) {
        trainer::TrainingSetup setup = gpu_setup(run.recipe, ranks);
        const auto found = micro_batch_on(card, run.recipe, ranks);
        setup.micro_batch_sequences = found.value_or(1);
        fits.push_back({run.row.size, params, ranks, card, found, trainer::memory_use(setup)});
      }
    }
  }
  return fits;
}

}  // namespace crosslaw::sweep
