#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace crosslaw::trainer {

// A Python process that serves what preparation.py offers: tokenizers and formats whose well-kept
// readers are Python packages. It is used while text is prepared and never while models train.
class PythonHelper {
 public:
  // Starts $CROSSLAW_PYTHON, else the Python that scripts/setup.sh made, else python3. Throws
  // std::runtime_error when none starts.
  PythonHelper();
  ~PythonHelper();  // ends the process
  PythonHelper(const PythonHelper&) = delete;
  PythonHelper& operator=(const PythonHelper&) = delete;

  // One request and its answer. Throws std::invalid_argument with the error in the package's words,
  // or with what to install; std::runtime_error when the process is gone.
  std::string ask(char kind, std::string_view payload);

 private:
  void send(std::string_view bytes);
  std::string receive(size_t count);
  int socket_ = -1;
  int process_ = -1;
};

}  // namespace crosslaw::trainer
