#include "trainer/corpus/hugging_face_tokenizer.h"

#include <fmt/format.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "trainer/corpus/python_helper.h"

namespace crosslaw::trainer {
namespace {

constexpr size_t kMostProcesses = 16;  // each holds the vocabulary in some tens of megabytes

// Processes that know the tokenizer: as many as threads ask at a time, up to a bound.
class TokenizerProcesses {
 public:
  explicit TokenizerProcesses(std::string file) : file_(std::move(file)) {}

  std::string ask(char kind, std::string_view payload) {
    std::unique_ptr<PythonHelper> helper = take();
    std::string answer;
    try {
      answer = helper->ask(kind, payload);
    } catch (...) {
      give_back(std::move(helper));
      throw;
    }
    give_back(std::move(helper));
    return answer;
  }

  std::string describe() {
    std::unique_lock lock(mutex_);
    auto helper = std::make_unique<PythonHelper>();
    std::string answer = helper->ask('T', file_);
    idle_.push_back(std::move(helper)), ++started_;
    return answer;
  }

 private:
  std::unique_ptr<PythonHelper> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !idle_.empty() || started_ < kMostProcesses; });
    if (!idle_.empty()) {
      auto helper = std::move(idle_.back());
      idle_.pop_back();
      return helper;
    }
    ++started_;
    lock.unlock();
    auto helper = std::make_unique<PythonHelper>();
    helper->ask('T', file_);
    return helper;
  }
  void give_back(std::unique_ptr<PythonHelper> helper) {
    std::unique_lock lock(mutex_);
    idle_.push_back(std::move(helper));
    changed_.notify_one();
  }

  std::string file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<PythonHelper>> idle_;
  size_t started_ = 0;
};

template <typename T>
std::string bytes_of(const T* numbers, size_t count) {
  return {reinterpret_cast<const char*>(numbers), count * sizeof(T)};
}

}  // namespace

TokenizerModel load_hugging_face_tokenizer(const std::filesystem::path& file) {
  const auto content = db::read_file(file);
  if (!content) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  auto processes = std::make_shared<TokenizerProcesses>(std::filesystem::absolute(file).string());
  TokenizerModel model;
  model.sha256 = db::sha256(*content);
  try {
    const auto facts = nlohmann::json::parse(processes->describe());
    model.vocabulary = facts.at("vocabulary");
    model.separator = facts.at("separator");
    model.separator_text = facts.at("separator_text");
    model.unknown = facts.at("unknown");
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("data.tokenizer: {}: cannot be used as a tokenizer: {}",
                                            file.string(), error.what()));
  }
  if (model.separator < 0)
    throw std::invalid_argument(fmt::format(
        "{}: no token separates documents; name one as eos_token in a tokenizer_config.json beside "
        "it",
        file.string()));
  model.encode = [processes](std::string_view text) {
    const std::string answer = processes->ask('E', text);
    std::vector<int32_t> tokens(answer.size() / sizeof(int32_t));
    std::memcpy(tokens.data(), answer.data(), tokens.size() * sizeof(int32_t));
    return tokens;
  };
  model.decode = [processes](const std::vector<int32_t>& tokens) {
    return processes->ask('D', bytes_of(tokens.data(), tokens.size()));
  };
  model.bytes_of_first_tokens = [processes](std::string_view text, int64_t count) {
    const std::string answer = processes->ask('B', bytes_of(&count, 1) + std::string(text));
    int64_t bytes = 0;
    std::memcpy(&bytes, answer.data(), sizeof bytes);
    return bytes;
  };
  return model;
}

}  // namespace crosslaw::trainer
