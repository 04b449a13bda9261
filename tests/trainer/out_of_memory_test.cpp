#include "trainer/out_of_memory.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <new>
#include <stdexcept>

#include "tests/support/catch.h"

namespace crosslaw::trainer {

TEST_CASE("LibTorch's and the library's refusals of memory are known as such") {
  CHECK(is_out_of_memory(std::bad_alloc()));
  CHECK_FALSE(is_out_of_memory(std::runtime_error("memory")));
  bool refused = false;
  FLAGS_caffe2_use_fatal_for_enforce = false;  // as run_attempt() sets it: throw, do not abort
  try {
    at::empty({int64_t{1} << 60}, at::kByte);  // an exbibyte
  } catch (const std::exception& error) {
    refused = true;
    CHECK(is_out_of_memory(error));
    CHECK(plain_message(error).find("frame #") == std::string::npos);
  }
  CHECK(refused);
  try {
    at::zeros({2}).view({3});
  } catch (const std::exception& error) {
    CHECK_FALSE(is_out_of_memory(error));
  }
}

TEST_CASE("half of a micro-batch is a divisor, and of 1 there is none") {
  CHECK(halved_divisor(512, 512) == 256);
  CHECK(halved_divisor(12, 12) == 6);
  CHECK(halved_divisor(12, 6) == 3);
  CHECK(halved_divisor(7, 7) == 1);
  CHECK_FALSE(halved_divisor(7, 1));
}

}  // namespace crosslaw::trainer
