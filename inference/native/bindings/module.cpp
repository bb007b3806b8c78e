// The Python module `inference._native`: names and conversions, no logic.
#include <nanobind/nanobind.h>

#include "../errors.hpp"

namespace nb = nanobind;

namespace ratchet {

void bind_graph(nb::module_& m);
void bind_model(nb::module_& m);
void bind_engine(nb::module_& m);
void bind_replay(nb::module_& m);
void bind_tables(nb::module_& m);

}  // namespace ratchet

using namespace ratchet;

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // objects that live to the end of the process are no fault worth a page of text
    m.doc() = "ratchet's compiled engine; use it through `inference`.";
    nb::exception<BarError>(m, "BarError", PyExc_ValueError);
    nb::exception<RiskError>(m, "RiskError", PyExc_ValueError);
    nb::exception<UnknownSymbolError>(m, "UnknownSymbolError", PyExc_ValueError);
    nb::exception<StateError>(m, "StateError", PyExc_ValueError);
    bind_graph(m);
    bind_model(m);
    bind_engine(m);
    bind_replay(m);
    bind_tables(m);
}
