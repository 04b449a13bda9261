#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/corpus.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// The Hugging Face model that a strategy continues at one size of the ladder.
struct StartModel {
  std::string folder;         // names it in Corpus::start_models, too
  trainer::ModelShape shape;  // the model's own, with the ladder's vocabulary
};

// Reads the config.json of the strategy's model for this size. Nothing when the strategy continues
// no such model, or one folder whose model is of another size. Throws SpecError when the model
// cannot be continued as the spec says, with the key to change.
std::optional<StartModel> start_model(const SweepSpec& spec, const StrategySpec& strategy,
                                      const ModelSize& size);

// What a row of the ladder must hold for the one model that the strategy continues.
std::string ladder_row(const StrategySpec& strategy);

// Turns each of these models into a checkpoint in `folder`, or finds it there made from the same
// files, and enters it into corpus.start_models. Throws std::invalid_argument for a model that is
// damaged, or whose own tokenizer is not the sweep's.
void prepare_start_models(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
                          const std::filesystem::path& folder, trainer::Corpus& corpus,
                          const std::function<void(const std::string&)>& say);

}  // namespace crosslaw::sweep
