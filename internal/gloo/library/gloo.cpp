// A shared object with the few functions of Gloo that uer needs, for C. Gloo itself has only C++ functions, whose names
// differ from version to version, so the program opens this one at run time and starts without it.

#include "gloo.h"

#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <gloo/allgatherv.h>
#include <gloo/alltoallv.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>

namespace {

// Store asks uer's control connection for what the other processes have written.
class Store : public gloo::rendezvous::Store {
 public:
  Store(uer_gloo_put put, uer_gloo_get get, void* handle) : put_(put), get_(get), handle_(handle) {}

  void set(const std::string& key, const std::vector<char>& data) override {
    put_(handle_, key.c_str(), data.data(), data.size());
  }

  std::vector<char> get(const std::string& key) override {
    std::vector<char> value(1 << 20);
    long length = get_(handle_, key.c_str(), value.data(), value.size());
    if (length < 0) {
      throw std::runtime_error("the other processes did not answer");
    }
    value.resize(length);
    return value;
  }

  void wait(const std::vector<std::string>& keys) override {
    for (const auto& key : keys) {
      get(key);
    }
  }

 private:
  uer_gloo_put put_;
  uer_gloo_get get_;
  void* handle_;
};

// guarded runs f and returns 0, or copies the message of its exception to error and returns 1.
template <typename F>
int guarded(char* error, F f) {
  try {
    f();
    return 0;
  } catch (const std::exception& e) {
    std::strncpy(error, e.what(), UER_GLOO_ERROR - 1);
    error[UER_GLOO_ERROR - 1] = 0;
    return 1;
  }
}

}  // namespace

struct uer_gloo {
  std::shared_ptr<gloo::rendezvous::Context> context;
};

extern "C" {

int uer_gloo_version(void) { return UER_GLOO_VERSION; }

uer_gloo* uer_gloo_open(int process, int processes, const char* address, long timeout_ms, uer_gloo_put put,
                        uer_gloo_get get, void* handle, char* error) {
  auto g = std::make_unique<uer_gloo>();
  int failed = guarded(error, [&] {
    std::shared_ptr<gloo::transport::Device> device = gloo::transport::tcp::CreateDevice(address);
    g->context = std::make_shared<gloo::rendezvous::Context>(process, processes);
    g->context->setTimeout(std::chrono::milliseconds(timeout_ms));
    Store store(put, get, handle);
    g->context->connectFullMesh(store, device);
  });
  return failed ? nullptr : g.release();
}

int uer_gloo_exchange(uer_gloo* g, float* out, const int64_t* sent, float* in, const int64_t* received, char* error) {
  return guarded(error, [&] {
    const int n = g->context->size;
    gloo::AlltoallvOptions options(g->context);
    options.setInput(out, std::vector<int64_t>(sent, sent + n));
    options.setOutput(in, std::vector<int64_t>(received, received + n));
    gloo::alltoallv(options);
  });
}

int uer_gloo_gather(uer_gloo* g, float* own, float* all, const int64_t* lengths, char* error) {
  return guarded(error, [&] {
    const int n = g->context->size;
    gloo::AllgathervOptions options(g->context);
    options.setInput(own, lengths[g->context->rank]);
    options.setOutput(all, std::vector<size_t>(lengths, lengths + n));
    gloo::allgatherv(options);
  });
}

void uer_gloo_close(uer_gloo* g) { delete g; }

}  // extern "C"
