// print_logits CONFIG.json CHECKPOINT TOKENS OUT: the logits of a checkpoint of ours, to compare
// with other programs'. TOKENS are int64, one sequence; OUT receives (tokens, vocabulary) floats.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "trainer/model/checkpoint.h"
#include "trainer/model/llama.h"
#include "trainer/recipe/train_config.h"

int main(int argc, char** argv) try {
  using namespace crosslaw::trainer;
  if (argc != 5) throw std::invalid_argument("CONFIG.json CHECKPOINT TOKENS OUT");
  const ModelShape shape = read_config(argv[1]).recipe.model;
  const auto count = static_cast<int64_t>(std::filesystem::file_size(argv[3]) / sizeof(int64_t));
  at::Tensor tokens = at::empty({1, count}, at::kLong);
  std::ifstream(argv[3], std::ios::binary)
      .read(static_cast<char*>(tokens.mutable_data_ptr()), count * 8);
  Llama model(shape, count, 1, at::kFloat, at::kCPU);
  load_checkpoint(model.parameters, shape, false, argv[2]);
  const at::Tensor logits = model.logits(tokens).contiguous();
  std::ofstream(argv[4], std::ios::binary)
      .write(static_cast<const char*>(logits.const_data_ptr()),
             static_cast<std::streamsize>(logits.nbytes()));
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "print_logits: {}\n", error.what());
  return 1;
}
