// Kernels and the feature graph.
#include "../graph.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "columns.hpp"

namespace ratchet {

namespace {

/// How many values of a series there are, one for each time.
std::size_t paired(const std::string& name, const Times& ts, const Doubles& values) {
    if (ts.shape(0) != values.shape(0))
        throw BarError(message("series." + name,
                               "must have a value for each of its " + std::to_string(ts.shape(0)) + " times",
                               std::to_string(values.shape(0)), "pass columns of the same table"));
    return ts.shape(0);
}

PyObject* bar_error = nullptr;  // the exception's type

/// One live bar. Taken by the interpreter's own rules: the usual conversion would take longer than most indicators.
PyObject* update(PyObject* self, PyObject* const* given, Py_ssize_t count) {
    if (!nb::inst_ready(self)) {
        PyErr_SetString(PyExc_TypeError,
                        "update: needs a graph, was one without __init__; make it as Graph(spec, symbol)");
        return nullptr;
    }
    if (count != 6) {
        PyErr_Format(PyExc_TypeError,
                     "update: takes ts, open, high, low, close and volume, was %zd arguments; pass all, in this order",
                     count);
        return nullptr;
    }
    int overflow = 0;
    const long long ts = PyLong_AsLongLongAndOverflow(given[0], &overflow);
    if (ts == -1 && PyErr_Occurred()) return nullptr;
    if (overflow) {
        PyErr_SetString(PyExc_OverflowError, "ts: must be microseconds since 1970, was too large; pass the bar's open");
        return nullptr;
    }
    Bar bar;
    double* const columns[] = {&bar.open, &bar.high, &bar.low, &bar.close, &bar.volume};
    for (int i = 0; i < 5; ++i) {
        PyObject* number = given[i + 1];
        *columns[i] = PyFloat_CheckExact(number) ? PyFloat_AS_DOUBLE(number) : PyFloat_AsDouble(number);
        if (*columns[i] == -1.0 && PyErr_Occurred()) return nullptr;
    }
    try {
        return PyFloat_FromDouble(nb::inst_ptr<Graph>(self)->update(ts, bar));
    } catch (const BarError& error) {
        PyErr_SetString(bar_error, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

PyMethodDef live_methods[] = {{"update", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(update)),
                               METH_FASTCALL, "update($self, ts, open, high, low, close, volume, /)\n--\n\n"},
                              {}};
PyType_Slot live[] = {{Py_tp_methods, live_methods}, {0, nullptr}};

}  // namespace

void bind_graph(nb::module_& m) {
    bar_error = nb::object(m.attr("BarError")).release().ptr();
    nb::class_<Parameter>(m, "Parameter")
        .def_ro("name", &Parameter::name)
        .def_ro("low", &Parameter::low)
        .def_ro("high", &Parameter::high)
        .def_ro("whole", &Parameter::whole)
        .def_ro("table", &Parameter::table);
    nb::class_<KernelInfo>(m, "KernelInfo")
        .def_ro("name", &KernelInfo::name)
        .def_ro("formula", &KernelInfo::formula)
        .def_ro("arity", &KernelInfo::arity)
        .def_ro("shared", &KernelInfo::shared)
        .def_ro("parameters", &KernelInfo::parameters)
        .def_ro("examples", &KernelInfo::examples)
        .def("warm_up", [](const KernelInfo& k, const std::vector<double>& p) { return k.warm_up(p); }, "parameters"_a);
    m.def("kernels", &kernels, nb::rv_policy::reference);
    m.def(
        "check_parameters",
        [](const std::string& op, const std::vector<double>& p) { check_parameters(find_kernel(op), p); }, "op"_a,
        "parameters"_a);

    using NodeTuple =
        std::tuple<std::string, std::string, std::vector<int>, std::map<std::string, std::vector<double>>>;
    nb::class_<GraphSpec>(m, "GraphSpec")
        .def(
            "__init__",
            [](GraphSpec* self, const std::vector<NodeTuple>& nodes, std::vector<std::string> names,
               std::vector<int> outputs, std::int64_t bar_interval_us, std::string hash) {
                new (self) GraphSpec{{}, std::move(names), std::move(outputs), bar_interval_us, std::move(hash)};
                for (const auto& [op, name, inputs, parameters] : nodes)
                    self->nodes.push_back({op, name, inputs, parameters});
            },
            "nodes"_a, "output_names"_a, "outputs"_a, "bar_interval_us"_a, "hash"_a)
        .def_ro("output_names", &GraphSpec::output_names)
        .def_ro("hash", &GraphSpec::hash)
        .def("series_names", &GraphSpec::series_names)
        .def("warm_ups", &GraphSpec::warm_ups);

    nb::class_<Bars>(m, "Bars")
        .def(nb::init<Times, Doubles, Doubles, Doubles, Doubles, Doubles>(), "ts"_a, "open"_a, "high"_a, "low"_a,
             "close"_a, "volume"_a)
        .def(nb::init<Times, Doubles, Doubles>(), "ts"_a, "price"_a, "quantity"_a)
        .def("__len__", &Bars::size);
    nb::class_<Graph>(m, "Graph", nb::type_slots(live))
        .def(nb::init<const GraphSpec&, const std::string&>(), "spec"_a, "symbol"_a)
        .def(
            "push",
            [](Graph& self, const std::string& name, Times ts, Doubles values) {
                self.push(name, ts.data(), values.data(), paired(name, ts, values));
            },
            "name"_a, "ts"_a, "values"_a)
        .def(
            "check_values",
            [](const Graph& self, const std::string& name, Times ts, Doubles values) {
                self.check_values(name, ts.data(), values.data(), paired(name, ts, values));
            },
            "name"_a, "ts"_a, "values"_a)
        .def(
            "check_next",
            [](const Graph& self, const Bars& bars) {
                if (bars.size()) self.check_next(bars.ts.data()[0]);
            },
            "bars"_a)
        .def(
            "run",
            [](Graph& self, const Bars& bars, std::size_t from, Results out) {
                const std::size_t n = out.shape(1);
                if (out.shape(0) != self.output_count() || from + n > bars.size())
                    throw std::invalid_argument(
                        message("out",
                                "must have " + std::to_string(self.output_count()) + " rows and at most " +
                                    std::to_string(bars.size() - std::min(from, bars.size())) + " columns",
                                std::to_string(out.shape(0)) + " x " + std::to_string(n),
                                "make it as np.empty((outputs, bars))"));
                nb::gil_scoped_release release;
                self.run(bars.view().from(from), n, out.data(), 1, n);
            },
            "bars"_a, "first"_a, "out"_a)
        .def_prop_ro(
            "values",
            [](Graph& self) {
                const auto& latest = self.latest();
                return nb::ndarray<nb::numpy, const double, nb::ndim<1>>(latest.data(), {latest.size()}, nb::handle());
            },
            nb::rv_policy::reference_internal)
        .def("save",
             [](Graph& self) {
                 Writer archive;
                 self.state(archive);
                 const std::string bytes = archive.take();
                 return nb::bytes(bytes.data(), bytes.size());
             })
        .def(
            "load",
            [](Graph& self, nb::bytes bytes) {
                Reader archive(std::string(bytes.c_str(), bytes.size()));
                self.state(archive);
            },
            "state"_a);
}

}  // namespace ratchet
