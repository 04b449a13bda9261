#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "apps/commands/commands.h"
#include "apps/study/sweep_folder.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/tokenizer.h"
#include "trainer/corpus/tokenizer_json.h"
#include "trainer/interchange/export_model.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShortestKey = 6;  // as much of a run's key as names it beside its name

struct ExportModelOptions {
  std::string folder, run, out;
};

// By its name, or by the beginning of its key.
db::RunRow run_named(const db::RunStore& store, const std::string& wanted) {
  std::vector<db::RunRow> found;
  for (const db::RunRow& run : store.runs()) {
    if (run.name == wanted || run.key == wanted) return run;
    if (wanted.size() >= kShortestKey && run.key.starts_with(wanted)) found.push_back(run);
  }
  if (found.size() == 1) return found.front();
  throw std::invalid_argument(fmt::format(
      "{} \"{}\"; give a run's name in quotation marks, or the first {} digits of its key or more "
      "(crosslaw status lists them)",
      found.empty() ? "there is no run" : "several runs begin with", wanted, kShortestKey));
}

// The final weights of the run's last attempt that was done.
fs::path final_checkpoint(const fs::path& folder, const db::RunStore& store,
                          const db::RunRow& run) {
  fs::path checkpoint;
  for (const db::AttemptRow& attempt : store.attempts()) {
    if (attempt.run_id != run.id || attempt.outcome != db::Outcome::kDone) continue;
    checkpoint = folder / attempt.folder / trainer::checkpoint_name(run.steps);
  }
  if (checkpoint.empty() || !fs::exists(checkpoint))
    throw std::invalid_argument(fmt::format(
        "the run \"{}\" has no final checkpoint in {}; crosslaw status {} tells how far it is",
        run.name, folder.string(), folder.string()));
  return checkpoint;
}

// The tokenizer's file, which must still be the one that the run was trained with.
fs::path tokenizer_file(const fs::path& folder, const sweep::SweepSpec& spec,
                        const trainer::Recipe& recipe) {
  if (spec.tokenizer == "bytes") return {};
  if (spec.tokenizer.starts_with("tokens:"))
    throw std::invalid_argument(
        fmt::format("{}: the sweep's tokens were made elsewhere (data.tokenizer = \"{}\"), so that "
                    "no tokenizer "
                    "can lie beside the model; a sweep that names its tokenizer can be exported",
                    folder.string(), spec.tokenizer));
  const fs::path file = spec.tokenizer.starts_with("train:")
                            ? data_folder(folder) / "tokenizer.model"
                            : fs::path(spec.tokenizer);
  if (trainer::Tokenizer::load(file).sha256() != recipe.tokenizer_sha256)
    throw std::invalid_argument(
        fmt::format("{}: is not the tokenizer that the run was trained with", file.string()));
  return file;
}

std::string losses_of(const db::RunStore& store, const db::RunRow& run) {
  std::string lines;
  for (const db::ObservationRow& eval : store.evals()) {
    if (eval.run_id == run.id && eval.end_of_schedule && eval.loss_nats)
      lines += fmt::format("| {} | {:.6f} |\n", eval.language, *eval.loss_nats);
  }
  return lines;
}

std::string model_card(const db::RunStore& store, const db::RunRow& run,
                       const trainer::Recipe& recipe, const std::string& tokenizer) {
  const std::string start =
      recipe.parent_key.empty()
          ? fmt::format("random weights, seed {}", recipe.seed)
          : fmt::format("the checkpoint `{}` at step {}", recipe.parent_key, recipe.parent_step);
  std::string mixture;
  for (const trainer::MixturePart& part : recipe.mixture)
    mixture += fmt::format("| {} | {:g} | `{}` |\n", part.language, part.share, part.sha256);
  const int64_t params =
      run.params_embedding + run.params_unembedding + run.params_blocks + run.params_norms;
  return fmt::format(
      "---\nlibrary_name: transformers\ntags: [llama, crosslaw]\n---\n\n# {}\n\n"
      "A LLaMA of {} parameters, trained by crosslaw {} as a run of the sweep \"{}\".\n\n"
      "- strategy {}, size {}, language {}\n- started from {}\n"
      "- {} steps: {} tokens of its language, {} of others; {:.4g} FLOPs\n"
      "- tokenizer: {}, SHA-256 `{}`\n- key of the run: `{}`\n\n"
      "| validation text | nats a token |\n|---|---|\n{}\n"
      "| training text | share | SHA-256 of its tokens |\n|---|---|---|\n{}\n"
      "The recipe, of which the key is the SHA-256:\n\n```json\n{}\n```\n",
      run.name, params, CROSSLAW_VERSION, store.sweep_name(), run.strategy, run.size, run.language,
      start, run.steps, run.tokens_target, run.tokens_source, run.flops, tokenizer,
      recipe.tokenizer_sha256, run.key, losses_of(store, run), mixture,
      nlohmann::json::parse(run.recipe).dump(1));
}

int run_export_model(const ExportModelOptions& options) {
  const db::RunStore store = read_store(options.folder);
  const db::RunRow run = run_named(store, options.run);
  const trainer::Recipe recipe = trainer::recipe_from_json(nlohmann::json::parse(run.recipe));
  const sweep::SweepSpec spec = sweep::read_spec(resolved_spec_file(options.folder));
  trainer::ExportedModel model;
  model.checkpoint = final_checkpoint(options.folder, store, run);
  model.shape = recipe.model;
  model.context_tokens = recipe.context_tokens;
  model.tokenizer = tokenizer_file(options.folder, spec, recipe);
  if (!model.tokenizer.empty()) {
    const auto tokenizer = trainer::Tokenizer::load(model.tokenizer);
    model.end_token = tokenizer.separator();
    model.end_token_text = tokenizer.separator_text();
  }
  if (spec.tokenizer.starts_with("train:"))
    model.tokenizer_json = trainer::tokenizer_json_of(model.tokenizer);
  model.model_card = model_card(
      store, run, recipe,
      model.tokenizer.empty() ? "the bytes of the text" : model.tokenizer.filename().string());
  trainer::export_model(model, options.out);
  fmt::print("{}: {} for transformers\n", options.out, run.name);
  return 0;
}

}  // namespace

void add_export_model_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExportModelOptions>();
  CLI::App* command = app.add_subcommand(
      "export-model",
      "Write a finished run's model as a folder that Hugging Face's transformers loads");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_option("run", options->run, "The run: its name, or the beginning of its key")
      ->required();
  command->add_option("out", options->out, "The folder to make")->required();
  command->callback([options, &exit_code] { exit_code = run_export_model(*options); });
}

}  // namespace crosslaw::apps
