// A trainer that trains nothing: it writes at once what a trainer would, for benchmarks of what is
// around it (scripts/bench_sweep.py). CROSSLAW_NO_OP_ROWS: training losses in each metrics.jsonl.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "trainer/recipe/nest.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace {

using namespace crosslaw;

constexpr int64_t kLossesALine = 100;

void write_losses(std::ofstream& metrics, int64_t rows) {
  for (int64_t first = 0; first < rows; first += kLossesALine) {
    trainer::TrainLines lines;
    lines.first_step = first;
    lines.loss_nats.assign(kLossesALine, 3.14159265358979);
    lines.gradient_norm.assign(kLossesALine, 0.271828182845905);
    metrics << trainer::to_line(lines);
  }
}

int pretend(const std::filesystem::path& config_file) {
  const trainer::TrainConfig config = trainer::read_config(config_file);
  const std::filesystem::path folder = config_file.parent_path();
  const char* rows = std::getenv("CROSSLAW_NO_OP_ROWS");
  {
    std::ofstream metrics(trainer::metrics_file(folder));
    write_losses(metrics, rows ? std::atoll(rows) : 0);
    trainer::EvalLine line;
    line.step = config.recipe.schedule.steps;
    line.language = config.recipe.validation.front().language;
    line.end_of_schedule = true;
    metrics << trainer::to_line(line);
  }
  trainer::RunResult result;
  result.token = config.execution.token;
  result.outcome = trainer::Outcome::kDone;
  result.step = config.recipe.schedule.steps;
  result.seconds = 0.001;
  trainer::publish_result(result, folder);
  return trainer::kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return pretend(argv[1]);
  trainer::serve_nest(STDIN_FILENO, {argv[0], argv[2] + std::strlen(argv[2]) + 1}, pretend);
  return 0;
}
