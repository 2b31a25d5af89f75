# The notebooks in JupyterLab: docker build -t ser . && docker run -p 8888:8888 ser
# Binder builds this file, too; it gives the user's name and number.
FROM python:3.12.13-slim-bookworm

ARG NB_USER=reader
ARG NB_UID=1000
ENV HOME=/home/${NB_USER}
RUN useradd --create-home --uid ${NB_UID} ${NB_USER}
WORKDIR ${HOME}

# The packages first: they are installed anew only if the lock changes.
COPY requirements.lock .
RUN pip install --no-cache-dir -r requirements.lock

COPY --chown=${NB_UID} . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .

USER ${NB_USER}
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
